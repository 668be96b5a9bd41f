// Package s3api is the S3 protocol: which operation a request is, what its
// headers, query and XML say, what its body's bytes are once every encoding is
// undone and every digest checked, and how answers and errors are written.
//
// It knows no storage, no cluster and no users. A node gives it a Handler; the
// Server parses a request, calls the handler and turns its error into XML, a
// log line and metrics. Nothing else writes error XML.
//
// It promises that a Body never ends in io.EOF unless every announced byte
// arrived and every announced digest matches, that a subresource that S3 knows
// and this server does not is never taken for the object itself, and that a key
// is exactly the bytes that the client percent-encoded.
package s3api
