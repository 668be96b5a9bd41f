// Package archive reads and writes archives that are kept as objects: tar, tar
// compressed with gzip or LZ4, and zip.
//
// An archive is read where it lies, through an io.ReaderAt: of a tar the headers
// and the one body that is asked for, of a zip the directory, of a compressed tar
// what comes before. Nothing is unpacked, so a member's name is a name and not a
// path: "../x" is as good as any other.
//
// Archives come from anybody. Whatever is in one costs a bounded amount of memory
// and never a panic: what cannot be read is an error of kind Invalid, what would
// need what is not built (encryption, other compressions) is Unsupported, and a
// member that is not there is NoSuchMember.
package archive
