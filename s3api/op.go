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
	ListObjects
	ListObjectsV2
	ListObjectVersions
	ListMultipartUploads
	DeleteObjects
	PostObject // a form upload of a browser

	PutObject
	CopyObject
	GetObject
	HeadObject
	DeleteObject
	GetObjectAttributes
	CreateMultipartUpload
	UploadPart
	UploadPartCopy
	CompleteMultipartUpload
	AbortMultipartUpload
	ListParts

	// Configurations of a bucket, and what an object has besides its bytes.
	GetBucketLocation
	GetBucketVersioning
	PutBucketVersioning
	GetBucketACL
	PutBucketACL
	GetBucketPolicy
	PutBucketPolicy
	DeleteBucketPolicy
	GetBucketPolicyStatus
	GetPublicAccessBlock
	PutPublicAccessBlock
	DeletePublicAccessBlock
	GetBucketOwnershipControls
	PutBucketOwnershipControls
	DeleteBucketOwnershipControls
	GetBucketCors
	PutBucketCors
	DeleteBucketCors
	GetBucketLifecycle
	PutBucketLifecycle
	DeleteBucketLifecycle
	GetBucketTagging
	PutBucketTagging
	DeleteBucketTagging
	GetObjectACL
	PutObjectACL
	GetObjectTagging
	PutObjectTagging
	DeleteObjectTagging

	// Reads of configurations that no bucket has; see Request.WriteUnconfigured.
	GetBucketWebsite
	GetBucketEncryption
	GetBucketReplication
	GetObjectLockConfiguration
	GetBucketLogging
	GetBucketRequestPayment
	GetBucketNotification
	GetBucketAccelerate

	// Answered by the server itself; no handler sees them.
	Preflight        // OPTIONS
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
	// action is what a policy calls it: the action that the sender needs at least.
	action string
	// unhandled is set where the server answers by itself.
	unhandled bool
	// writes is set where the operation changes something.
	writes bool
}

// opRows is the routing table. A request is the first row of its method and
// level whose needs are all there and that leaves no known subresource over.
var opRows = [...]row{
	{op: ListBuckets, name: "ListBuckets", method: "GET", level: Service, action: "s3:ListAllMyBuckets"},

	{op: CreateBucket, name: "CreateBucket", method: "PUT", level: Bucket, action: "s3:CreateBucket", writes: true},
	{op: HeadBucket, name: "HeadBucket", method: "HEAD", level: Bucket, action: "s3:ListBucket"},
	{op: DeleteBucket, name: "DeleteBucket", method: "DELETE", level: Bucket, action: "s3:DeleteBucket", writes: true},
	{op: ListObjectVersions, name: "ListObjectVersions", method: "GET", level: Bucket, needs: pVersions, action: "s3:ListBucketVersions"},
	{op: ListMultipartUploads, name: "ListMultipartUploads", method: "GET", level: Bucket, needs: pUploads, action: "s3:ListBucketMultipartUploads"},
	{op: ListObjectsV2, name: "ListObjectsV2", method: "GET", level: Bucket, needs: pListType, action: "s3:ListBucket"},
	{op: ListObjects, name: "ListObjects", method: "GET", level: Bucket, action: "s3:ListBucket"},
	{op: DeleteObjects, name: "DeleteObjects", method: "POST", level: Bucket, needs: pDelete, action: "s3:DeleteObject", writes: true},
	{op: PostObject, name: "PostObject", method: "POST", level: Bucket, action: "s3:PutObject", writes: true},

	{op: UploadPartCopy, name: "UploadPartCopy", method: "PUT", level: Object, needs: pUploadID | pPartNumber, header: hCopySource, action: "s3:PutObject", writes: true},
	{op: UploadPart, name: "UploadPart", method: "PUT", level: Object, needs: pUploadID | pPartNumber, action: "s3:PutObject", writes: true},
	{op: CopyObject, name: "CopyObject", method: "PUT", level: Object, header: hCopySource, action: "s3:PutObject", writes: true},
	{op: PutObject, name: "PutObject", method: "PUT", level: Object, action: "s3:PutObject", writes: true},
	{op: ListParts, name: "ListParts", method: "GET", level: Object, needs: pUploadID, action: "s3:ListMultipartUploadParts"},
	{op: GetObjectAttributes, name: "GetObjectAttributes", method: "GET", level: Object, needs: pAttributes, action: "s3:GetObjectAttributes"},
	{op: GetObject, name: "GetObject", method: "GET", level: Object, needs: pPartNumber, action: "s3:GetObject"},
	{op: GetObject, name: "GetObject", method: "GET", level: Object, action: "s3:GetObject"},
	{op: HeadObject, name: "HeadObject", method: "HEAD", level: Object, needs: pPartNumber, action: "s3:GetObject"},
	{op: HeadObject, name: "HeadObject", method: "HEAD", level: Object, action: "s3:GetObject"},
	{op: AbortMultipartUpload, name: "AbortMultipartUpload", method: "DELETE", level: Object, needs: pUploadID, action: "s3:AbortMultipartUpload", writes: true},
	{op: DeleteObject, name: "DeleteObject", method: "DELETE", level: Object, action: "s3:DeleteObject", writes: true},
	{op: CreateMultipartUpload, name: "CreateMultipartUpload", method: "POST", level: Object, needs: pUploads, action: "s3:PutObject", writes: true},
	{op: CompleteMultipartUpload, name: "CompleteMultipartUpload", method: "POST", level: Object, needs: pUploadID, action: "s3:PutObject", writes: true},

	{op: GetBucketLocation, name: "GetBucketLocation", method: "GET", level: Bucket, needs: pLocation, action: "s3:GetBucketLocation"},
	{op: GetBucketVersioning, name: "GetBucketVersioning", method: "GET", level: Bucket, needs: pVersioning, action: "s3:GetBucketVersioning"},
	{op: PutBucketVersioning, name: "PutBucketVersioning", method: "PUT", level: Bucket, needs: pVersioning, action: "s3:PutBucketVersioning", writes: true},
	{op: GetBucketACL, name: "GetBucketAcl", method: "GET", level: Bucket, needs: pACL, action: "s3:GetBucketAcl"},
	{op: PutBucketACL, name: "PutBucketAcl", method: "PUT", level: Bucket, needs: pACL, action: "s3:PutBucketAcl", writes: true},
	{op: GetBucketPolicy, name: "GetBucketPolicy", method: "GET", level: Bucket, needs: pPolicy, action: "s3:GetBucketPolicy"},
	{op: PutBucketPolicy, name: "PutBucketPolicy", method: "PUT", level: Bucket, needs: pPolicy, action: "s3:PutBucketPolicy", writes: true},
	{op: DeleteBucketPolicy, name: "DeleteBucketPolicy", method: "DELETE", level: Bucket, needs: pPolicy, action: "s3:DeleteBucketPolicy", writes: true},
	{op: GetBucketPolicyStatus, name: "GetBucketPolicyStatus", method: "GET", level: Bucket, needs: pPolicyStatus, action: "s3:GetBucketPolicyStatus"},
	{op: GetPublicAccessBlock, name: "GetPublicAccessBlock", method: "GET", level: Bucket, needs: pPublicAccessBlock, action: "s3:GetBucketPublicAccessBlock"},
	{op: PutPublicAccessBlock, name: "PutPublicAccessBlock", method: "PUT", level: Bucket, needs: pPublicAccessBlock, action: "s3:PutBucketPublicAccessBlock", writes: true},
	{op: DeletePublicAccessBlock, name: "DeletePublicAccessBlock", method: "DELETE", level: Bucket, needs: pPublicAccessBlock, action: "s3:PutBucketPublicAccessBlock", writes: true},
	{op: GetBucketOwnershipControls, name: "GetBucketOwnershipControls", method: "GET", level: Bucket, needs: pOwnership, action: "s3:GetBucketOwnershipControls"},
	{op: PutBucketOwnershipControls, name: "PutBucketOwnershipControls", method: "PUT", level: Bucket, needs: pOwnership, action: "s3:PutBucketOwnershipControls", writes: true},
	{op: DeleteBucketOwnershipControls, name: "DeleteBucketOwnershipControls", method: "DELETE", level: Bucket, needs: pOwnership, action: "s3:PutBucketOwnershipControls", writes: true},
	{op: GetBucketCors, name: "GetBucketCors", method: "GET", level: Bucket, needs: pCors, action: "s3:GetBucketCORS"},
	{op: PutBucketCors, name: "PutBucketCors", method: "PUT", level: Bucket, needs: pCors, action: "s3:PutBucketCORS", writes: true},
	{op: DeleteBucketCors, name: "DeleteBucketCors", method: "DELETE", level: Bucket, needs: pCors, action: "s3:PutBucketCORS", writes: true},
	{op: GetBucketLifecycle, name: "GetBucketLifecycleConfiguration", method: "GET", level: Bucket, needs: pLifecycle, action: "s3:GetLifecycleConfiguration"},
	{op: PutBucketLifecycle, name: "PutBucketLifecycleConfiguration", method: "PUT", level: Bucket, needs: pLifecycle, action: "s3:PutLifecycleConfiguration", writes: true},
	{op: DeleteBucketLifecycle, name: "DeleteBucketLifecycle", method: "DELETE", level: Bucket, needs: pLifecycle, action: "s3:PutLifecycleConfiguration", writes: true},
	{op: GetBucketTagging, name: "GetBucketTagging", method: "GET", level: Bucket, needs: pTagging, action: "s3:GetBucketTagging"},
	{op: PutBucketTagging, name: "PutBucketTagging", method: "PUT", level: Bucket, needs: pTagging, action: "s3:PutBucketTagging", writes: true},
	{op: DeleteBucketTagging, name: "DeleteBucketTagging", method: "DELETE", level: Bucket, needs: pTagging, action: "s3:PutBucketTagging", writes: true},

	{op: GetObjectACL, name: "GetObjectAcl", method: "GET", level: Object, needs: pACL, action: "s3:GetObjectAcl"},
	{op: PutObjectACL, name: "PutObjectAcl", method: "PUT", level: Object, needs: pACL, action: "s3:PutObjectAcl", writes: true},
	{op: GetObjectTagging, name: "GetObjectTagging", method: "GET", level: Object, needs: pTagging, action: "s3:GetObjectTagging"},
	{op: PutObjectTagging, name: "PutObjectTagging", method: "PUT", level: Object, needs: pTagging, action: "s3:PutObjectTagging", writes: true},
	{op: DeleteObjectTagging, name: "DeleteObjectTagging", method: "DELETE", level: Object, needs: pTagging, action: "s3:DeleteObjectTagging", writes: true},

	{op: GetBucketWebsite, name: "GetBucketWebsite", method: "GET", level: Bucket, needs: pWebsite, action: "s3:GetBucketWebsite"},
	{op: GetBucketEncryption, name: "GetBucketEncryption", method: "GET", level: Bucket, needs: pEncryption, action: "s3:GetEncryptionConfiguration"},
	{op: GetBucketReplication, name: "GetBucketReplication", method: "GET", level: Bucket, needs: pReplication, action: "s3:GetReplicationConfiguration"},
	{op: GetObjectLockConfiguration, name: "GetObjectLockConfiguration", method: "GET", level: Bucket, needs: pObjectLock, action: "s3:GetBucketObjectLockConfiguration"},
	{op: GetBucketLogging, name: "GetBucketLogging", method: "GET", level: Bucket, needs: pLogging, action: "s3:GetBucketLogging"},
	{op: GetBucketRequestPayment, name: "GetBucketRequestPayment", method: "GET", level: Bucket, needs: pRequestPayment, action: "s3:GetBucketRequestPayment"},
	{op: GetBucketNotification, name: "GetBucketNotificationConfiguration", method: "GET", level: Bucket, needs: pNotification, action: "s3:GetBucketNotification"},
	{op: GetBucketAccelerate, name: "GetBucketAccelerateConfiguration", method: "GET", level: Bucket, needs: pAccelerate, action: "s3:GetAccelerateConfiguration"},

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

// Action returns what policies call the operation, such as "s3:GetObject"; "" for
// one that no handler sees. It is the least that the sender needs: a request may
// need more for what it does besides (an ACL, tags, a version, a copy's source).
func (o Op) Action() string { return rowOf[o].action }

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
