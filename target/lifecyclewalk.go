package target

import (
	"time"

	"ais/object"
)

// lifecycleWalk decides about the versions of a listing, given one after the
// other: a key's all together and the newest first. Pages may end anywhere.
type lifecycleWalk struct {
	rules *lifecycle
	now   time.Time

	held    object.Entry // the last one given, not decided yet: whether it is alone is not known
	version version      // what is known of it
	holds   bool
	decided []lifecycleDecision
}

// lifecycleDecision is what is to be done with one version or upload.
type lifecycleDecision struct {
	entry  object.Entry
	action lifecycleAction
}

// add takes the next version.
func (w *lifecycleWalk) add(e *object.Entry) {
	same := w.holds && w.held.Key == e.Key
	v := version{key: e.Key, latest: e.Latest}
	if same {
		v.noncurrent = w.held.Meta.Modified
		if !w.version.latest {
			v.newer = w.version.newer + 1
		}
	}
	w.decide(!same)
	if !same && !e.Latest {
		w.holds = false // what came before it is gone
		return
	}
	w.held, w.version, w.holds = *e, v, true
}

// end says that no more will come.
func (w *lifecycleWalk) end() { w.decide(true) }

// decide settles the version that is held; last says that no other of its key
// follows.
func (w *lifecycleWalk) decide(last bool) {
	if !w.holds {
		return
	}
	w.version.meta = &w.held.Meta
	w.version.alone = last && w.version.latest
	if action := w.rules.decide(&w.version, w.now); action != keep {
		w.decided = append(w.decided, lifecycleDecision{w.held, action})
	}
	w.holds = false
}

// take returns what has been decided since the last take.
func (w *lifecycleWalk) take() []lifecycleDecision {
	decided := w.decided
	w.decided = nil
	return decided
}
