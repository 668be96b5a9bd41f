package target

import (
	"errors"
	"strings"
	"testing"

	"ais/backend"
	"ais/object"
	"ais/s3api"
)

func TestExplained(t *testing.T) {
	there := &backend.Error{Status: 403, Code: "AccessDenied", Message: "no permission"}
	tests := []struct {
		err  error
		code string
		says bool // what the remote answered
	}{
		{object.E("s3.Put", "k", object.Denied, there), "AccessDenied", true},
		{object.E("s3.Put", "k", object.Unavailable, there), "ServiceUnavailable", true},
		{object.E("s3.Put", "k", object.NotFound, there), "NoSuchKey", false},
		{object.E("s3.Put", "k", object.Denied, nil), "AccessDenied", false},
		{object.Precondition, "PreconditionFailed", false},
	}
	for _, tt := range tests {
		got := explained(tt.err)
		e := s3api.FromError(got)
		if e.Code != tt.code || strings.Contains(e.Message, "no permission") != tt.says || !errors.Is(got, object.KindOf(tt.err)) || object.KindOf(got) != object.KindOf(tt.err) {
			t.Errorf("%v: %+v", tt.err, e)
		}
	}
	if explained(nil) != nil {
		t.Error("an error from nothing")
	}
	away := explained(object.E("s3.Put", "k", object.Unavailable, errors.New("connection refused")))
	if e := s3api.FromError(away); e.Code != "ServiceUnavailable" || !strings.Contains(e.Message, "cannot be reached") || strings.Contains(e.Message, "refused") {
		t.Errorf("away: %+v", e)
	}
	if e := s3api.FromError(explained(object.E("fs.Commit", "k", object.Unavailable, nil))); strings.Contains(e.Message, "remote") {
		t.Errorf("one of this target's own: %+v", e)
	}
}
