package s3api

import (
	"errors"
	"strings"
	"testing"

	"ais/auth"
	"ais/object"
)

func TestParseTree(t *testing.T) {
	deep := strings.Repeat("<a>", maxElementDepth) + strings.Repeat("</a>", maxElementDepth)
	for _, doc := range []string{"<a/>", " \n<?xml version='1.0'?><!-- x --><a xmlns='urn:x' b='c'>t<x:b xmlns:x='y'/>t</a>\n<!-- y -->", deep} {
		if e, err := parseTree([]byte(doc), "a"); err != nil || e.name != "a" {
			t.Errorf("%.60s: %v", doc, err)
		}
	}
	bomb := `<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><a>&y;</a>`
	for _, doc := range []string{"", "a", "<b/>", "<a>", "<a/><a/>", "<a/>junk", "junk<a/>", "<a></b>", "<a>&x;</a>", bomb, "<a><!DOCTYPE a></a>", "<a>" + deep + "</a>", "<a>\x00</a>", "<a>\xff</a>"} {
		if _, err := parseTree([]byte(doc), "a"); !errors.Is(err, MalformedXML) {
			t.Errorf("%.60s: %v", doc, err)
		}
	}
}

func TestVersioning(t *testing.T) {
	for doc, want := range map[string]object.Versioning{
		"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>":                                    object.Versioned,
		"<VersioningConfiguration><Status> Suspended </Status><MfaDelete>Disabled</MfaDelete></VersioningConfiguration>": object.Suspended,
		string(AppendVersioning(nil, object.Versioned)):                                                                  object.Versioned,
	} {
		if got, err := ParseVersioning([]byte(doc)); err != nil || got != want {
			t.Errorf("%q: %v %v", doc, got, err)
		}
	}
	for doc, want := range map[string]*Error{
		"": MalformedXML, "<VersioningConfiguration/>": IllegalVersioning,
		"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>":                                      MalformedXML,
		"<VersioningConfiguration><Status>Enabled</Status><Status>Suspended</Status></VersioningConfiguration>":       MalformedXML,
		"<VersioningConfiguration><Status>Enabled</Status><Other/></VersioningConfiguration>":                         MalformedXML,
		"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>":   NotImplemented,
		"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Sometimes</MfaDelete></VersioningConfiguration>": MalformedXML,
		"<VersioningConfiguration><Status><b>Enabled</b></Status></VersioningConfiguration>":                          MalformedXML,
		"<VersioningConfiguration>text<Status>Enabled</Status></VersioningConfiguration>":                             MalformedXML,
	} {
		if _, err := ParseVersioning([]byte(doc)); !errors.Is(err, want) {
			t.Errorf("%q: %v", doc, err)
		}
	}
	golden(t, "versioning", AppendVersioning(nil, object.Suspended))
	golden(t, "versioning-none", AppendVersioning(nil, object.Unversioned))
}

func TestOwnership(t *testing.T) {
	for _, want := range ownerships {
		if got, err := ParseOwnership(AppendOwnership(nil, want)); err != nil || got != want {
			t.Errorf("%s: %q %v", want, got, err)
		}
		if got, err := ParseOwnershipHeader(newRequest(t, "PUT", "/bkt", "x-amz-object-ownership: "+want)); err != nil || got != want {
			t.Errorf("%s: %q %v", want, got, err)
		}
	}
	golden(t, "ownership", AppendOwnership(nil, "ObjectWriter"))
	const rule = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"
	for _, doc := range []string{"", "<OwnershipControls/>", "<OwnershipControls><Rule/></OwnershipControls>", "<OwnershipControls>" + rule + rule + "</OwnershipControls>",
		"<OwnershipControls>" + strings.Replace(rule, "ObjectWriter", "Nobody", 1) + "</OwnershipControls>"} {
		if _, err := ParseOwnership([]byte(doc)); !errors.Is(err, MalformedXML) {
			t.Errorf("%s: %v", doc, err)
		}
	}
	if got, err := ParseOwnershipHeader(newRequest(t, "PUT", "/bkt")); got != "" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if _, err := ParseOwnershipHeader(newRequest(t, "PUT", "/bkt", "x-amz-object-ownership: Nobody")); !errors.Is(err, InvalidArgument) {
		t.Error(err)
	}
}

func TestPublicAccessBlock(t *testing.T) {
	want := auth.PublicAccessBlock{BlockPublicAcls: true, RestrictPublicBuckets: true}
	document := AppendPublicAccessBlock(nil, want)
	golden(t, "public-access-block", document)
	golden(t, "policy-status", AppendPolicyStatus(nil, true))
	if got, err := ParsePublicAccessBlock(document); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := ParsePublicAccessBlock([]byte("<PublicAccessBlockConfiguration><BlockPublicPolicy>TRUE</BlockPublicPolicy></PublicAccessBlockConfiguration>")); err != nil || got != (auth.PublicAccessBlock{BlockPublicPolicy: true}) {
		t.Errorf("%+v %v", got, err)
	}
	for _, doc := range []string{"", "<PublicAccessBlock/>", strings.Replace(string(document), "true", "maybe", 1), strings.Replace(string(document), "IgnorePublicAcls", "BlockPublicAcls", 2)} {
		if _, err := ParsePublicAccessBlock([]byte(doc)); !errors.Is(err, MalformedXML) {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

// FuzzConfig: what is accepted comes back the same from what is written.
func FuzzConfig(f *testing.F) {
	f.Add(string(AppendVersioning(nil, object.Suspended)))
	f.Add(string(AppendOwnership(nil, "ObjectWriter")))
	f.Add(string(AppendPublicAccessBlock(nil, auth.PublicAccessBlock{IgnorePublicAcls: true})))
	f.Fuzz(func(t *testing.T, document string) {
		if v, err := ParseVersioning([]byte(document)); err == nil {
			if again, err := ParseVersioning(AppendVersioning(nil, v)); err != nil || again != v {
				t.Fatalf("%v comes back as %v %v", v, again, err)
			}
		}
		if o, err := ParseOwnership([]byte(document)); err == nil {
			if again, err := ParseOwnership(AppendOwnership(nil, o)); err != nil || again != o {
				t.Fatalf("%v comes back as %v %v", o, again, err)
			}
		}
		if p, err := ParsePublicAccessBlock([]byte(document)); err == nil {
			if again, err := ParsePublicAccessBlock(AppendPublicAccessBlock(nil, p)); err != nil || again != p {
				t.Fatalf("%v comes back as %v %v", p, again, err)
			}
		}
	})
}
