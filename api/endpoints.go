package api

import (
	"slices"
	"strings"
)

// Endpoint describes one call of the API, for documentation and for tests that
// compare it with the handlers.
type Endpoint struct {
	Method string
	Path   string // {bucket}, {object}: percent-encoded; the object keeps its slashes
	Action string // of the ActionMessage in the body, "" for a call that has none
	Query  string // the parameters understood; an empty provider is ais
	Value  string // the body, or the value of the ActionMessage
	Answer string // of success; a failure is an ErrorMessage, for HEAD the header Hdr-Error
}

// Selector returns what tells the call from others of its method and path: its
// action, else "what=WHAT" where its query begins so, else nothing.
func (e Endpoint) Selector() string {
	if e.Action != "" || !strings.HasPrefix(e.Query, QueryWhat+"=") {
		return e.Action
	}
	selector, _, _ := strings.Cut(e.Query, ";")
	return selector
}

// Endpoints returns every call that a proxy answers. Calls on /v1/objects are
// answered by the target that owns the object: the proxy redirects them (307
// with Cache-Control: no-store and the ticket in Location) or relays them.
func Endpoints() []Endpoint {
	return slices.Concat(nodeEndpoints(), []Endpoint{
		{"GET", "/v1/buckets", "list", "provider, presence (0 to 5)", "", "200, JSON array of Bucket, sorted"},
		{"POST", "/v1/buckets/{bucket}", "create-bck", "provider", "null, or nested properties (ParseProperties)", "200; 409 if it exists"},
		{"DELETE", "/v1/buckets/{bucket}", "destroy-bck", "provider", "", "200, with all its objects; 404"},
		{"HEAD", "/v1/buckets/{bucket}", "", "provider, presence (0 to 5), bsumm_remote, uuid; a prefix may follow the bucket in the path", "", "200, Ais-Bucket-Props: Properties as JSON, ETag: the bucket's revision; 404; with bsumm_remote 202 and Ais-Xaction-Id, and with that as uuid 206 or 200 and Ais-Bucket-Summ: Summary as JSON"},
		{"PATCH", "/v1/buckets/{bucket}", "set-bprops", "provider; header If-Match", "nested properties, all or none of which are set", "200, empty; 409 where the bucket was changed meanwhile"},
		{"PATCH", "/v1/buckets/{bucket}", "reset-bprops", "provider; header If-Match", "", "200, empty; 409 where the bucket was changed meanwhile"},
		{"GET", "/v1/buckets/{bucket}", "list", "provider", "ListMessage", "200, ListResult as JSON, or as msgpack where Accept asks for it"},
		{"GET", "/v1/buckets/{bucket}", "summary-bck", "provider", "SummaryMessage", "202 and a job id as text; with that id as uuid JSON array of Summary, 206 while the job counts and then 200"},
		{"POST", "/v1/buckets/{bucket}", "copy-bck", "provider, bck_to (unique name)", "CopyMessage", "200, the job's id as text; the bucket to copy to is made where it is not there"},
		{"POST", "/v1/buckets/{bucket}", "copy-listrange", "provider", "CopyMessage with names and tobck", "200, the job's id as text"},
		{"POST", "/v1/buckets/{bucket}", "move-bck", "provider, bck_to (unique name)", "", "200, the job's id as text; 409 where the name is taken, 400 for a bucket that cannot be renamed"},
		{"PUT", "/v1/buckets/{bucket}", "archive", "provider", "ArchiveMessage", "200, the job's id as text"},
		{"POST", "/v1/buckets/{bucket}", "prefetch-listrange", "provider", "NamesMessage", "200, the job's id as text; 400 where the bucket has no remote one behind it"},
		{"DELETE", "/v1/buckets/{bucket}", "evict-listrange", "provider", "NamesMessage", "200, the job's id as text; 400 where the bucket has no remote one behind it"},
		{"DELETE", "/v1/buckets/{bucket}", "delete-listrange", "provider", "NamesMessage", "200, the job's id as text"},
		{"DELETE", "/v1/buckets/{bucket}", "evict-remote-bck", "provider, keep_bck_md=true", "", "200, empty: the bucket is forgotten here; where it is kept, the job's id as text"},
		{"PUT", "/v1/objects/{bucket}/{object}", "", "provider", "the content; Ais-Checksum-Type and -Value are verified where given; headers If-*", "200, Ais-Checksum-*, Ais-Version, Etag"},
		{"GET", "/v1/objects/{bucket}/{object}", "", "provider", "headers Range, If-*", "200 or 206, the content and SetObjectHeaders"},
		{"HEAD", "/v1/objects/{bucket}/{object}", "", "provider, props (v2: only the headers of these), presence, latest-ver, validate-checksum", "", "200, SetObjectInfo"},
		{"DELETE", "/v1/objects/{bucket}/{object}", "", "provider", "", "200; 404"},
		{"DELETE", "/v1/objects/{bucket}/{object}", "evict-listrange", "provider", "", "200, what is kept here of a remote object is gone; 404, 412"},
		{"PUT", "/v1/objects/{bucket}/{object}", "", "provider, append_type=append, append_handle", "bytes that are to follow the object's", "200, Ais-Append-Handle; 409"},
		{"PUT", "/v1/objects/{bucket}/{object}", "", "provider, append_type=flush, append_handle", "", "200, Ais-Version, Etag; 404"},
		{"PUT", "/v1/objects/{bucket}/{object}", "", "provider, object_to, latest-ver, synchronize", "", "200, of the copy Ais-Checksum-*, Ais-Version, Etag"},
		{"POST", "/v1/objects/{bucket}/{object}", "rename-obj", "provider", "", "200, empty; the message's name is the new key; 409 where the object was written meanwhile"},
		{"PATCH", "/v1/objects/{bucket}/{object}", "", "provider, set-new-custom", "an ActionMessage without an action, whose value is custom properties by name", "200, empty; 404"},
		{"POST", "/v1/objects/{bucket}/{object}", "mpt-upload", "provider", "", "200, the upload's id as text"},
		{"PUT", "/v1/objects/{bucket}/{object}", "", "provider, uploadId, partNumber", "the content; Ais-Checksum-Type and -Value are verified where given", "200, Ais-Checksum-*, Etag"},
		{"GET", "/v1/objects/{bucket}/{object}", "", "provider, uploadId", "", "200, UploadStatus; 404"},
		{"POST", "/v1/objects/{bucket}/{object}", "mpt-complete", "provider, uploadId", "JSON array of CompletedPart", "200, Etag; 400 where a part is not there"},
		{"DELETE", "/v1/objects/{bucket}/{object}", "mpt-abort", "provider, uploadId", "", "200, empty; 404"},
		{"GET", "/v1/objects/{bucket}/{object}", "", "provider, archpath, archmime", "header Range", "200 or 206, a file in an archive; 404"},
		{"GET", "/v1/objects/{bucket}/{object}", "", "provider, archregx, archmode, archmime", "", "200, a tar of the files in an archive that match"},
		{"HEAD", "/v1/objects/{bucket}/{object}", "", "provider, archpath, archmime, props", "", "200, Content-Length of a file in an archive; 404"},
		{"PUT", "/v1/objects/{bucket}/{object}", "", "provider, archpath, archmime", "a file for an archive; header Ais-Pine", "200, Ais-Version, Etag of the archive"},
		{"GET", "/v1/ml/moss", "", "", "BatchRequest", "200, an archive of all entries in their order; where not streamed multipart/form-data, BatchAnswer before it"},
		{"GET", "/v1/ml/moss/{bucket}", "", "provider", "BatchRequest", "the same; entries without a bucket are in this one"},
		{"GET", "/v1/cluster", "", "what=cluster_config", "", "200, Properties as nested JSON"},
		{"GET", "/v1/cluster", "", "what=stats", "", "200, ClusterStats"},
		{"PUT", "/v1/cluster/set-config", "", "any properties: k=v&k=v", "", "200, empty; 400 and nothing changed where one is wrong"},
		{"PUT", "/v1/cluster", "set-config", "", "nested properties", "200, empty"},
		{"PUT", "/v1/cluster", "start", "", "JobQuery: a Kind, rebalance, lru, resilver, or prefetch-listrange or evict-listrange of a bucket", "200, the job's id as text"},
		{"PUT", "/v1/cluster", "stop", "", "JobQuery: an id, a kind, a bucket", "200, empty; 404 for an id that is not known"},
		{"GET", "/v1/cluster", "", "what=status", "JobQuery", "200, JobStatus of the latest such job; 404"},
		{"GET", "/v1/cluster", "", "what=status_all", "JobQuery", "200, JSON array of JobStatus, the latest first"},
		{"GET", "/v1/cluster", "", "what=running_all", "JobQuery", "200, JSON array of \"kind[id]\""},
		{"GET", "/v1/cluster", "", "what=qryxstats", "JobQuery", "200, JobSnaps: JobSnap of each target's share, by target"},
		{"GET", "/v1/auth/users", "", "", "", "200, JSON array of User, without secrets"},
		{"POST", "/v1/auth/users", "", "", "NewUser", "200, User with the secret of its key; 409 if it exists"},
		{"GET", "/v1/auth/users/{user}", "", "", "", "200, User; 404"},
		{"PATCH", "/v1/auth/users/{user}", "", "", "UserChange", "200, User; 404"},
		{"DELETE", "/v1/auth/users/{user}", "", "", "", "200; 404"},
		{"POST", "/v1/auth/users/{user}/keys", "", "", "NewKey", "200, UserKey with its secret"},
		{"DELETE", "/v1/auth/users/{user}/keys/{key}", "", "", "", "200; 404"},
		{"PUT", "/v1/auth/users/{user}/policies/{name}", "", "", "a policy document", "200; 400 where it is malformed"},
		{"DELETE", "/v1/auth/users/{user}/policies/{name}", "", "", "", "200; 404"},
		{"POST", "/v1/auth/login", "", "", "Login, or nothing where the request is signed", "200, Token"},
		{"GET", "/v1/health", "", "readiness=true, prr=true", "", "200, Ais-Cluster-Uptime, Ais-Node-Uptime (ns); 503 where the node is not ready, with prr also where no target is alive"},
	})
}
