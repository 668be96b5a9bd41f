package peer

// PathAct is where a node, target or proxy, is told to do something with itself:
// ActRequest → nothing.
const PathAct = "/_/act"

// Act is something that a node does with itself.
type Act string

// The acts.
const (
	ActShutdown   Act = "shutdown"    // ends, when what is in flight has
	ActRotateLogs Act = "rotate-logs" // begins a new log file
	ActReloadKeys Act = "reload-keys" // of a target: reads the AWS configuration files anew
)

// ActRequest asks a node for an Act.
type ActRequest struct {
	Act Act `json:"act"`
}
