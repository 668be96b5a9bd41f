package api

import (
	"bytes"
	"errors"

	jsoniter "github.com/json-iterator/go"

	"ais/object"
)

// jsonAPI encodes as encoding/json does, with sorted keys.
var jsonAPI = jsoniter.ConfigCompatibleWithStandardLibrary

// ActionMessage is the envelope of every call with a body that is not content.
type ActionMessage struct {
	Action string              `json:"action"`
	Name   string              `json:"name"`
	Value  jsoniter.RawMessage `json:"value"`
}

// NewAction returns the message with value encoded; a nil value is null.
func NewAction(action, name string, value any) (ActionMessage, error) {
	raw, err := jsonAPI.Marshal(value)
	if err != nil {
		return ActionMessage{}, object.E("api.NewAction", action, object.Invalid, err)
	}
	return ActionMessage{Action: action, Name: name, Value: raw}, nil
}

// ParseAction reads a message. The error is of kind Invalid.
func ParseAction(body []byte) (ActionMessage, error) {
	var m ActionMessage
	if err := jsonAPI.Unmarshal(body, &m); err != nil {
		return m, object.E("api.ParseAction", "", object.Invalid, errors.New("the body is not an action message: "+err.Error()))
	}
	if m.Action == "" {
		return m, object.E("api.ParseAction", "", object.Invalid, errors.New("the action message names no action"))
	}
	return m, nil
}

// HasValue reports whether the message carries a value other than null.
func (m ActionMessage) HasValue() bool {
	v := bytes.TrimSpace(m.Value)
	return len(v) > 0 && !bytes.Equal(v, []byte("null"))
}

// Decode reads the value into to; null and nothing leave it as it is. The error
// is of kind Invalid.
func (m ActionMessage) Decode(to any) error {
	if !m.HasValue() {
		return nil
	}
	if err := jsonAPI.Unmarshal(m.Value, to); err != nil {
		return object.E("api.Decode", m.Action, object.Invalid, errors.New("the value of the action message: "+err.Error()))
	}
	return nil
}
