package s3api

import "io"

// PostForm is a form upload up to its file.
type PostForm struct {
	Bucket string
	Key    string            // with ${filename} replaced
	Fields map[string]string // the form's fields, by their names in lower case
	Size   int64             // of the file

	file io.Reader
}

// ParsePostForm reads the form of a PostObject request up to the bytes of its
// file, which File then reads. What the form says is not verified yet: see
// VerifyPost and CheckPolicy.
func ParsePostForm(_ *Request) (*PostForm, error) { return nil, NotImplemented }

// File returns the reader of the file; its Read ends in io.EOF only where the
// whole form was well-formed.
func (f *PostForm) File() io.Reader { return f.file }

// VerifyPost verifies the signature of a form's policy, and the policy against
// the form. A form without a policy is anonymous: the zero Signed.
func (v *Verifier) VerifyPost(_ *PostForm) (Signed, error) { return Signed{}, AccessDenied }
