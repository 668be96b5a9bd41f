package object

// The keys of Meta.Custom, AIStore's where it has them. An object that has
// CustomSource is the remote bucket's, kept here: it may be evicted.
const (
	CustomSource  = "source"        // provider of the remote bucket that the object came from, or was written through to
	CustomETag    = "ETag"          // there, without quotes; it is Meta.ETag too
	CustomVersion = "version"       // the remote's version id; missing where it has none
	CustomUpload  = "remote-upload" // of an Upload: the remote's upload id
	CustomBucket  = "remote-bucket" // of an Upload: the name of the remote bucket that it is to
)
