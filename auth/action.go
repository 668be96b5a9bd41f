package auth

// BitsAllow reports whether AIStore's access bits of a bucket (cluster.Access)
// permit an action, "s3:GetObject".
func BitsAllow(bits uint64, action string) bool { return bits != 0 }
