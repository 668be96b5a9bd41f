package api

// NodeStatus is the state and the statistics of one node.
type NodeStatus struct {
	Status     string             `json:"status"` // "online"
	Deployment string             `json:"deployment,omitempty"`
	Version    string             `json:"ais_version"`
	BuildTime  string             `json:"build_time,omitempty"`
	MapVersion uint64             `json:"smap_version,string"`
	System     SystemInfo         `json:"sys_info"`
	Node       Node               `json:"snode"`
	Tracker    map[string]Metric  `json:"tracker"` // AIStore's metric names: "put.n", "get.size", "up.ns.time"
	Capacity   MountpathsCapacity `json:"capacity"`
}

// UptimeMetric is the name of the uptime, in nanoseconds, in a tracker.
const UptimeMetric = "up.ns.time"

// Metric is one counter or gauge.
type Metric struct {
	Value int64 `json:"v,string"`
}

// SystemInfo is the load of a node's machine, or container.
type SystemInfo struct {
	MemUsedPct float64 `json:"pct_mem_used"` // by the process, of the machine's
	MemUsed    uint64  `json:"mem_used"`     // resident bytes of the process
	MemAvail   uint64  `json:"mem_avail"`
	CPUUsedPct float64 `json:"pct_cpu_used"` // the load over a minute, of the machine's processors
	Load       Load    `json:"load_avg"`
}

// Load is the load averages over 1, 5 and 15 minutes.
type Load struct {
	One     float64 `json:"one"`
	Five    float64 `json:"five"`
	Fifteen float64 `json:"fifteen"`
}

// MountpathsCapacity is what a target has on its mountpaths.
type MountpathsCapacity struct {
	Mountpaths map[string]MountpathCapacity `json:"mountpaths,omitempty"` // by directory
	PctMax     int                          `json:"pct_max"`
	PctAvg     int                          `json:"pct_avg"`
	PctMin     int                          `json:"pct_min"`
	Error      string                       `json:"cs_err,omitempty"`
}

// MountpathCapacity is one mountpath.
type MountpathCapacity struct {
	Used    uint64   `json:"used,string"`
	Avail   uint64   `json:"avail,string"`
	PctUsed int      `json:"pct_used"`
	Disks   []string `json:"disks"`
	FS      string   `json:"fs"`
	State   string   `json:"state,omitempty"` // "ok", "full", "detaching", "disabling", "disabled", "failed"
	Cause   string   `json:"cause,omitempty"` // why it is failed or disabled
	Objects int64    `json:"objects,omitempty"`
	Bytes   int64    `json:"bytes,omitempty"`
}

// NewMountpathsCapacity returns the capacity of the mountpaths, by directory.
func NewMountpathsCapacity(mountpaths map[string]MountpathCapacity) MountpathsCapacity {
	c := MountpathsCapacity{Mountpaths: mountpaths}
	if len(mountpaths) == 0 {
		return c
	}
	sum := 0
	c.PctMin = 100
	for _, m := range mountpaths {
		c.PctMax, c.PctMin = max(c.PctMax, m.PctUsed), min(c.PctMin, m.PctUsed)
		sum += m.PctUsed
	}
	c.PctAvg = sum / len(mountpaths)
	return c
}

// ClusterStats is the status of every node that answered.
type ClusterStats struct {
	Proxy  *NodeStatus            `json:"proxy"`
	Target map[string]*NodeStatus `json:"target"`
}

// SummaryMessage is the value of the action summary-bck.
type SummaryMessage struct {
	UUID    string `json:"uuid"`
	Prefix  string `json:"prefix"`
	Cached  bool   `json:"cached"` // only what is here of a remote bucket
	Present bool   `json:"present"`

	LocalOnly bool `json:"dont_add_remote,omitempty"` // of a bucket that is known here already
}

// Summary is how much a bucket holds.
type Summary struct {
	Bucket
	Objects       uint64  `json:"obj_count_present,string"`
	RemoteObjects uint64  `json:"obj_count_remote,string"`
	MinSize       int64   `json:"obj_min_size"`
	AvgSize       int64   `json:"obj_avg_size"`
	MaxSize       int64   `json:"obj_max_size"`
	OnDisk        uint64  `json:"size_on_disk,string"`
	Size          uint64  `json:"size_all_present_objs,string"`
	RemoteSize    uint64  `json:"size_all_remote_objs,string"`
	DisksSize     uint64  `json:"total_disks_size,string"`
	UsedPct       float64 `json:"used_pct"`
	Present       bool    `json:"is_present"`
}

// NodeConfig is what a node works with: the settings that it was started with, under
// the names of its flags and without secrets, and those of the cluster.
type NodeConfig struct {
	ID        string            `json:"daemon_id"`
	Local     map[string]string `json:"local"`
	Inherited Properties        `json:"inherited"`
}

// ClusterSystem is the load of every node that answered, by id.
type ClusterSystem struct {
	Proxies map[string]SystemInfo `json:"proxy"`
	Targets map[string]SystemInfo `json:"target"`
}

// RemoteClusters are the other clusters that this one is attached to: none.
type RemoteClusters struct {
	Attached []string `json:"a"`
	Version  int64    `json:"ver"`
}
