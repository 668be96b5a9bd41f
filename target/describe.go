package target

import "ais/object"

// describe fills in what a write says about the object to be besides its content:
// who owns it, who else may use it, and its tags.
func (t *Target) describe(c *call, m *object.Meta) error {
	return nil
}
