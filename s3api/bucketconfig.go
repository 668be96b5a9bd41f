package s3api

import (
	"slices"

	"ais/auth"
	"ais/object"
)

// ParseVersioning reads the VersioningConfiguration document: Versioned or
// Suspended.
func ParseVersioning(data []byte) (object.Versioning, error) {
	root, err := parseTree(data, "VersioningConfiguration")
	if err != nil {
		return 0, err
	}
	var status, mfa string
	if err := root.read(fields{"Status": word(&status), "MfaDelete": word(&mfa)}); err != nil {
		return 0, err
	}
	switch mfa {
	case "", "Disabled":
	case "Enabled":
		return 0, NotImplemented.Say("MFA delete is not implemented.")
	default:
		return 0, MalformedXML
	}
	switch status {
	case "Enabled":
		return object.Versioned, nil
	case "Suspended":
		return object.Suspended, nil
	case "":
		return 0, IllegalVersioning
	}
	return 0, MalformedXML
}

// AppendVersioning appends the VersioningConfiguration.
func AppendVersioning(b []byte, v object.Versioning) []byte {
	b = append(b, "<VersioningConfiguration"+xmlns+">"...)
	if v != object.Unversioned {
		b = appendElement(b, "Status", v.String())
	}
	return append(b, "</VersioningConfiguration>"...)
}

// ownerships are the values of ObjectOwnership.
var ownerships = [...]string{auth.BucketOwnerEnforced, auth.BucketOwnerPreferred, auth.ObjectWriter}

// ParseOwnership reads the OwnershipControls document and returns the word in it:
// BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter.
func ParseOwnership(data []byte) (string, error) {
	root, err := parseTree(data, "OwnershipControls")
	if err != nil {
		return "", err
	}
	ownership := ""
	err = root.read(fields{"Rule": func(e *element) error { return e.read(fields{"ObjectOwnership": word(&ownership)}) }})
	if err != nil || !slices.Contains(ownerships[:], ownership) {
		return "", MalformedXML
	}
	return ownership, nil
}

// ParseOwnershipHeader reads the x-amz-object-ownership of a CreateBucket, "" for
// none.
func ParseOwnershipHeader(r *Request) (string, error) {
	v := string(r.peek(hOwnership))
	if v == "" || slices.Contains(ownerships[:], v) {
		return v, nil
	}
	return "", Argument("x-amz-object-ownership", v, "Invalid x-amz-object-ownership header: "+v)
}

// AppendOwnership appends the OwnershipControls.
func AppendOwnership(b []byte, ownership string) []byte {
	b = append(b, "<OwnershipControls"+xmlns+"><Rule>"...)
	return append(appendElement(b, "ObjectOwnership", ownership), "</Rule></OwnershipControls>"...)
}

// ParsePublicAccessBlock reads the PublicAccessBlockConfiguration document; what is
// not in it is false.
func ParsePublicAccessBlock(data []byte) (block auth.PublicAccessBlock, err error) {
	root, err := parseTree(data, "PublicAccessBlockConfiguration")
	if err != nil {
		return block, err
	}
	return block, root.read(fields{
		"BlockPublicAcls":       boolean(&block.BlockPublicAcls),
		"IgnorePublicAcls":      boolean(&block.IgnorePublicAcls),
		"BlockPublicPolicy":     boolean(&block.BlockPublicPolicy),
		"RestrictPublicBuckets": boolean(&block.RestrictPublicBuckets),
	})
}

// AppendPublicAccessBlock appends the PublicAccessBlockConfiguration.
func AppendPublicAccessBlock(b []byte, block auth.PublicAccessBlock) []byte {
	b = append(b, "<PublicAccessBlockConfiguration"+xmlns+">"...)
	b = appendBool(b, "BlockPublicAcls", block.BlockPublicAcls)
	b = appendBool(b, "IgnorePublicAcls", block.IgnorePublicAcls)
	b = appendBool(b, "BlockPublicPolicy", block.BlockPublicPolicy)
	b = appendBool(b, "RestrictPublicBuckets", block.RestrictPublicBuckets)
	return append(b, "</PublicAccessBlockConfiguration>"...)
}

// AppendPolicyStatus appends the PolicyStatus.
func AppendPolicyStatus(b []byte, public bool) []byte {
	b = append(b, "<PolicyStatus"+xmlns+">"...)
	return append(appendBool(b, "IsPublic", public), "</PolicyStatus>"...)
}
