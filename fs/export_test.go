package fs

// Comparable returns an estate without what a copy may have in another way: the
// outcomes of uploads, which expire, and what is noted for other targets.
func Comparable(e *Estate) *Estate {
	out := *e
	out.Records = nil
	_ = eachOp(e.Records, func(o op) error {
		if kind := o.key[0]; kind != kindCompleted && kind != kindHandoff {
			out.Records = appendSetOp(out.Records, o.key, o.value)
		}
		return nil
	})
	return &out
}
