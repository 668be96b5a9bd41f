package s3api

// Op is an S3 operation. The list is closed; each has its row in opRows.
type Op uint8

// The operations. The zero value is a request that could not be told.
const (
	Unknown Op = iota
	ListBuckets
	CreateBucket
	HeadBucket
	DeleteBucket
	GetBucketLocation
	GetBucketVersioning
	PutBucketVersioning
	GetBucketACL
	PutBucketACL
	ListObjects
	ListObjectsV2
	ListObjectVersions
	ListMultipartUploads
	DeleteObjects
	PutObject
	CopyObject
	GetObject
	HeadObject
	DeleteObject
	GetObjectACL
	PutObjectACL
	CreateMultipartUpload
	UploadPart
	UploadPartCopy
	CompleteMultipartUpload
	AbortMultipartUpload
	ListParts

	// Reads of configurations that do not exist yet; see Request.WriteUnconfigured.
	GetBucketPolicy
	GetBucketPolicyStatus
	GetBucketCors
	GetBucketLifecycle
	GetBucketTagging
	GetBucketWebsite
	GetBucketEncryption
	GetPublicAccessBlock
	GetBucketOwnershipControls
	GetBucketReplication
	GetObjectLockConfiguration
	GetBucketLogging
	GetBucketRequestPayment
	GetBucketNotification
	GetBucketAccelerate
	GetObjectTagging

	// Answered by the server itself; no handler sees them.
	Preflight        // OPTIONS
	PostObject       // a form upload of a browser
	Unimplemented    // S3 knows it, this server does not
	MethodNotAllowed // nothing has this method here
	ops
)

// Level says what a request is addressed to.
type Level uint8

// The levels.
const (
	Service Level = iota
	Bucket
	Object
)

// row is what there is to know of one operation. needs are the query
// parameters that must be present (their values do not matter, but for
// list-type), header is a header that must be present.
type row struct {
	op     Op
	name   string
	method string
	level  Level
	needs  params
	header string
	// unhandled is set where the server answers by itself.
	unhandled bool
	// writes is set where the operation changes something.
	writes bool
}

// opRows is the routing table. A request is the first row of its method and
// level whose needs are all there and that leaves no known subresource over.
var opRows = [...]row{
	{op: ListBuckets, name: "ListBuckets", method: "GET", level: Service},

	{op: CreateBucket, name: "CreateBucket", method: "PUT", level: Bucket, writes: true},
	{op: HeadBucket, name: "HeadBucket", method: "HEAD", level: Bucket},
	{op: DeleteBucket, name: "DeleteBucket", method: "DELETE", level: Bucket, writes: true},
	{op: GetBucketLocation, name: "GetBucketLocation", method: "GET", level: Bucket, needs: pLocation},
	{op: GetBucketVersioning, name: "GetBucketVersioning", method: "GET", level: Bucket, needs: pVersioning},
	{op: PutBucketVersioning, name: "PutBucketVersioning", method: "PUT", level: Bucket, needs: pVersioning, writes: true},
	{op: GetBucketACL, name: "GetBucketAcl", method: "GET", level: Bucket, needs: pACL},
	{op: PutBucketACL, name: "PutBucketAcl", method: "PUT", level: Bucket, needs: pACL, writes: true},
	{op: ListObjectVersions, name: "ListObjectVersions", method: "GET", level: Bucket, needs: pVersions},
	{op: ListMultipartUploads, name: "ListMultipartUploads", method: "GET", level: Bucket, needs: pUploads},
	{op: ListObjectsV2, name: "ListObjectsV2", method: "GET", level: Bucket, needs: pListType},
	{op: ListObjects, name: "ListObjects", method: "GET", level: Bucket},
	{op: DeleteObjects, name: "DeleteObjects", method: "POST", level: Bucket, needs: pDelete, writes: true},

	{op: UploadPartCopy, name: "UploadPartCopy", method: "PUT", level: Object, needs: pUploadID | pPartNumber, header: hCopySource, writes: true},
	{op: UploadPart, name: "UploadPart", method: "PUT", level: Object, needs: pUploadID | pPartNumber, writes: true},
	{op: CopyObject, name: "CopyObject", method: "PUT", level: Object, header: hCopySource, writes: true},
	{op: PutObject, name: "PutObject", method: "PUT", level: Object, writes: true},
	{op: ListParts, name: "ListParts", method: "GET", level: Object, needs: pUploadID},
	{op: GetObject, name: "GetObject", method: "GET", level: Object, needs: pPartNumber},
	{op: GetObject, name: "GetObject", method: "GET", level: Object},
	{op: HeadObject, name: "HeadObject", method: "HEAD", level: Object, needs: pPartNumber},
	{op: HeadObject, name: "HeadObject", method: "HEAD", level: Object},
	{op: AbortMultipartUpload, name: "AbortMultipartUpload", method: "DELETE", level: Object, needs: pUploadID, writes: true},
	{op: DeleteObject, name: "DeleteObject", method: "DELETE", level: Object, writes: true},
	{op: GetObjectACL, name: "GetObjectAcl", method: "GET", level: Object, needs: pACL},
	{op: PutObjectACL, name: "PutObjectAcl", method: "PUT", level: Object, needs: pACL, writes: true},
	{op: CreateMultipartUpload, name: "CreateMultipartUpload", method: "POST", level: Object, needs: pUploads, writes: true},
	{op: CompleteMultipartUpload, name: "CompleteMultipartUpload", method: "POST", level: Object, needs: pUploadID, writes: true},

	{op: GetBucketPolicy, name: "GetBucketPolicy", method: "GET", level: Bucket, needs: pPolicy},
	{op: GetBucketPolicyStatus, name: "GetBucketPolicyStatus", method: "GET", level: Bucket, needs: pPolicyStatus},
	{op: GetBucketCors, name: "GetBucketCors", method: "GET", level: Bucket, needs: pCors},
	{op: GetBucketLifecycle, name: "GetBucketLifecycle", method: "GET", level: Bucket, needs: pLifecycle},
	{op: GetBucketTagging, name: "GetBucketTagging", method: "GET", level: Bucket, needs: pTagging},
	{op: GetBucketWebsite, name: "GetBucketWebsite", method: "GET", level: Bucket, needs: pWebsite},
	{op: GetBucketEncryption, name: "GetBucketEncryption", method: "GET", level: Bucket, needs: pEncryption},
	{op: GetPublicAccessBlock, name: "GetPublicAccessBlock", method: "GET", level: Bucket, needs: pPublicAccessBlock},
	{op: GetBucketOwnershipControls, name: "GetBucketOwnershipControls", method: "GET", level: Bucket, needs: pOwnership},
	{op: GetBucketReplication, name: "GetBucketReplication", method: "GET", level: Bucket, needs: pReplication},
	{op: GetObjectLockConfiguration, name: "GetObjectLockConfiguration", method: "GET", level: Bucket, needs: pObjectLock},
	{op: GetBucketLogging, name: "GetBucketLogging", method: "GET", level: Bucket, needs: pLogging},
	{op: GetBucketRequestPayment, name: "GetBucketRequestPayment", method: "GET", level: Bucket, needs: pRequestPayment},
	{op: GetBucketNotification, name: "GetBucketNotification", method: "GET", level: Bucket, needs: pNotification},
	{op: GetBucketAccelerate, name: "GetBucketAccelerateConfiguration", method: "GET", level: Bucket, needs: pAccelerate},
	{op: GetObjectTagging, name: "GetObjectTagging", method: "GET", level: Object, needs: pTagging},

	{op: PostObject, name: "PostObject", method: "POST", level: Bucket, unhandled: true},
	{op: Unknown, name: "Unknown", unhandled: true},
	{op: Preflight, name: "Preflight", unhandled: true},
	{op: Unimplemented, name: "NotImplemented", unhandled: true},
	{op: MethodNotAllowed, name: "MethodNotAllowed", unhandled: true},
}

// rowOf finds an operation's (first) row by number.
var rowOf = func() (index [ops]*row) {
	for i := len(opRows) - 1; i >= 0; i-- {
		index[opRows[i].op] = &opRows[i]
	}
	return index
}()

// rowsAt lists the rows to try for each level and method, in order.
var rowsAt = func() map[routeKey][]*row {
	at := make(map[routeKey][]*row)
	for i := range opRows {
		if r := &opRows[i]; r.method != "" {
			k := routeKey{r.level, r.method}
			at[k] = append(at[k], r)
		}
	}
	return at
}()

type routeKey struct {
	level  Level
	method string
}

// String returns S3's name of the operation, which is also its metrics label.
func (o Op) String() string {
	if o >= ops {
		o = Unknown
	}
	return rowOf[o].name
}

// Level returns what the operation is addressed to.
func (o Op) Level() Level { return rowOf[o].level }

// Writes reports whether the operation changes anything.
func (o Op) Writes() bool { return rowOf[o].writes }

// Handled reports whether a handler gets to see the operation; the server
// answers the others by itself.
func (o Op) Handled() bool { return o < ops && !rowOf[o].unhandled }

// Ops returns every operation that a handler may see.
func Ops() []Op {
	var list []Op
	for o := range ops {
		if o.Handled() {
			list = append(list, o)
		}
	}
	return list
}

// resolve says which operation a request is. present are the known query
// parameters that it has; header tells whether it has a header.
func resolve(level Level, method string, present params, header func(string) bool) Op {
	if method == "OPTIONS" {
		return Preflight
	}
	rows := rowsAt[routeKey{level, method}]
	if len(rows) == 0 && present&subresources == 0 {
		return MethodNotAllowed
	}
	for _, r := range rows {
		switch {
		case r.needs&^present != 0:
		case present&subresources&^r.needs != 0:
		case r.header != "" && !header(r.header):
		default:
			return r.op
		}
	}
	// GET ?uploads&delimiter=… and the like have matched above. What is left has a
	// subresource with no row, or two that do not go together.
	if present&subresources != 0 {
		return Unimplemented
	}
	return MethodNotAllowed
}
