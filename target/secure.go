package target

import (
	"io"

	"ais/fs"

	"github.com/valyala/fasthttp"
)

// scheme returns that of the connection the request came over.
func scheme(ctx *fasthttp.RequestCtx) string {
	if ctx.IsTLS() {
		return "https"
	}
	return "http"
}

// streamOf returns section as the body of an answer to ctx. The kernel sends a
// file on a plain connection; on TLS, fasthttp would read it 4 KiB at a time,
// so there the section is written from a large buffer.
func streamOf(ctx *fasthttp.RequestCtx, section *fs.Section) io.ReadCloser {
	if ctx.IsTLS() {
		return written{section}
	}
	return section
}

// written is a section that is written, never read from by the writer.
type written struct{ *fs.Section }

// WriteTo implements io.WriterTo.
func (w written) WriteTo(to io.Writer) (int64, error) { return w.Section.WriteTo(writer{to}) }

// writer hides what else a writer can do.
type writer struct{ io.Writer }
