package api

// Paths. Buckets and Objects are followed by names.
const (
	PathBuckets   = "/v1/buckets"
	PathObjects   = "/v1/objects"
	PathDaemon    = "/v1/daemon"
	PathCluster   = "/v1/cluster"
	PathSetConfig = "/v1/cluster/set-config"
	PathReverse   = "/v1/reverse/daemon"
	PathHealth    = "/v1/health"
)

// Query parameters.
const (
	QueryProvider  = "provider"
	QueryNamespace = "namespace"
	QueryWhat      = "what"
	QueryProps     = "props"
	QueryLatest    = "latest-ver" // true: compare what is cached with the remote bucket first
	QueryReadiness = "readiness"
	QueryPresence  = "presence"
	QueryUUID      = "uuid"         // id of the job that is asked about
	QuerySummary   = "bsumm_remote" // of the HEAD of a bucket: with a summary, true of what is at the remote too
	QueryPrimary   = "prr"          // true: of the health of a proxy, whether the cluster is ready for clients
	QuerySeverity  = "severity"
	QueryOffset    = "offset"
	QueryAllLogs   = "all"

	QueryCopyTo      = "object_to"   // the unique name of the copy
	QuerySynchronize = "synchronize" // as QueryLatest, and what is gone at the remote bucket goes here

	QueryReplaceCustom = "set-new-custom" // true: in the place of all, not besides

	QueryValidate    = "validate-checksum" // true: what is here is read and compared with its checksums
	QueryETLName     = "etl_name"          // of AIStore's transformations, which AIS has not
	QueryETLPipeline = "etl_pipeline"

	QueryAppend       = "append_type" // "append" or "flush"
	QueryAppendHandle = "append_handle"

	QueryUploadID   = "uploadId"
	QueryPartNumber = "partNumber"

	QueryArchPath = "archpath" // a file in an archive
	QueryArchMime = "archmime" // what kind of archive it is, whatever its name says
	QueryArchRegx = "archregx" // the files in an archive that match, by archmode
	QueryArchMode = "archmode" // regexp, prefix, suffix, substr, wdskey

	QuerySkipLookup = "dont_head_remote_bck" // of create-bck: add a remote bucket without asking whether it is there
)

// Values of the query parameter what.
const (
	WhatClusterMap    = "smap"
	WhatBucketMap     = "bmd"
	WhatClusterConfig = "cluster_config"
	WhatStats         = "stats"
	WhatNodeStatus    = "node_status"
	WhatNode          = "snode"
	WhatNodeConfig    = "config"
	WhatSystem        = "sysinfo"
	WhatLog           = "log"
	WhatMetrics       = "metrics" // what there is in a tracker, and of which kind
	WhatRemotes       = "remote"
	WhatBackends      = "backends"
	WhatTargetIPs     = "target_ips"
)

// Actions of an ActionMessage.
const (
	ActionList       = "list"
	ActionCreate     = "create-bck"
	ActionDestroy    = "destroy-bck"
	ActionSetProps   = "set-bprops"
	ActionResetProps = "reset-bprops"
	ActionSummary    = "summary-bck"
	ActionSetConfig  = "set-config"

	ActionRenameObject = "rename-obj"

	ActionCreateUpload   = "mpt-upload"
	ActionCompleteUpload = "mpt-complete"
	ActionAbortUpload    = "mpt-abort"
)

// Headers. An Ais-Custom-Md is repeated, once for each "key=value".
const (
	HeaderError        = "Hdr-Error"
	HeaderErrorCode    = "Ais-Error-Code"
	HeaderBucketProps  = "Ais-Bucket-Props"
	HeaderBucketSum    = "Ais-Bucket-Summ"
	HeaderJobID        = "Ais-Xaction-Id"
	HeaderChecksumType = "Ais-Checksum-Type"
	HeaderChecksum     = "Ais-Checksum-Value"
	HeaderVersion      = "Ais-Version"
	HeaderAtime        = "Ais-Atime"
	HeaderCustom       = "Ais-Custom-Md"
	HeaderName         = "Ais-Name"
	HeaderBucketName   = "Ais-Bucket-Name"
	HeaderProvider     = "Ais-Bucket-Provider"
	HeaderPresent      = "Ais-Present"
	HeaderLocation     = "Ais-Location"
	HeaderCopies       = "Ais-Mirror-Copies"
	HeaderCopyPaths    = "Ais-Mirror-Paths"
	HeaderChunks       = "Ais-Chunks-Count"
	HeaderChunkSize    = "Ais-Chunks-Max-Chunk-Size"
	HeaderAppendHandle = "Ais-Append-Handle"
	HeaderBlobDownload = "Ais-Blob-Download"
	HeaderNodeID       = "Ais-Node-Id"
	HeaderUptime       = "Ais-Cluster-Uptime"
	HeaderNodeUptime   = "Ais-Node-Uptime"
	HeaderLogOffset    = "Ais-Log-Offset" // where the lines begin that come after those in the answer
	HeaderArchFlags    = "Ais-Pine"       // of a PUT with archpath: 0 makes a new archive, 1 appends to one, 2 does either
)

// Content types.
const (
	ContentJSON    = "application/json"
	ContentMsgpack = "application/msgpack"
	ContentBinary  = "application/octet-stream"
)

// headerCustomUser begins the key of an Ais-Custom-Md that is S3 user metadata.
const headerCustomUser = "X-Amz-Meta-"
