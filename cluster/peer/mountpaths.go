package peer

// PathMountpath changes a target's mountpaths: MountpathRequest → MountpathAnswer.
const PathMountpath = "/_/mountpath"

// MountpathRequest asks a target to do something with a mountpath.
type MountpathRequest struct {
	Action string `json:"action"` // of the native API
	Dir    string `json:"dir"`
	Force  bool   `json:"force,omitempty"` // also where names become unavailable, or are lost
	Owner  string `json:"owner,omitempty"` // user who asks
}

// MountpathAnswer says what was begun.
type MountpathAnswer struct {
	Job string `json:"job,omitempty"` // that moves names; "" where none has to
}
