package s3api

import "ais/object"

// QueryProvider is the query parameter that picks one of two buckets that share a
// name, one here and one remote. It is ours; S3 has no such thing.
const QueryProvider = "provider"

// ParseProvider returns the provider of the bucket that the request names; "" where
// it does not say.
func ParseProvider(r *Request) (object.Provider, error) {
	text, ok := r.Query(QueryProvider)
	if !ok || text == "" {
		return "", nil
	}
	provider, err := object.ParseProvider(text)
	if err != nil {
		return "", Argument(QueryProvider, text, "The provider of a bucket is ais or aws")
	}
	return provider, nil
}
