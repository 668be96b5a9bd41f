package s3api

// Names of headers, in the canonical form in which fasthttp keeps them.
const (
	hACL            = "X-Amz-Acl"
	hBucketLock     = "X-Amz-Bucket-Object-Lock-Enabled"
	hChecksumAlg    = "X-Amz-Checksum-Algorithm"
	hChecksumMode   = "X-Amz-Checksum-Mode"
	hChecksumPrefix = "X-Amz-Checksum-"
	hChecksumType   = "X-Amz-Checksum-Type"
	hContentMD5     = "Content-Md5"
	hContentSHA256  = "X-Amz-Content-Sha256"
	hCopySource     = "X-Amz-Copy-Source"
	hCopyRange      = "X-Amz-Copy-Source-Range"
	hDecodedLength  = "X-Amz-Decoded-Content-Length"
	hDeleteMarker   = "X-Amz-Delete-Marker"
	hDirective      = "X-Amz-Metadata-Directive"
	hMetaPrefix     = "X-Amz-Meta-"
	hRequestID      = "X-Amz-Request-Id"
	hNodeRequestID  = "X-Ais-Request-Id"
	hSDKChecksum    = "X-Amz-Sdk-Checksum-Algorithm"
	hStorageClass   = "X-Amz-Storage-Class"
	hTaggingCount   = "X-Amz-Tagging-Count"
	hTrailer        = "X-Amz-Trailer"
	hVersionID      = "X-Amz-Version-Id"
	hWebsite        = "X-Amz-Website-Redirect-Location"
)
