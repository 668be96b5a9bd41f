package replica

import (
	"context"

	"ais/object"
)

// Moves is what a Keeper is told of names that are being moved to another placement.
// A name that is not in use by that is not this package's yet: it is as it was until
// the next owner has brought it there, and all its copies.
type Moves struct {
	InUse  func(n object.Name) bool                       // it does not move, or the copy here is one of the next placement
	Enter  func(ctx context.Context, n object.Name) error // has its next owner bring it there, where it moves
	Settle func(n object.Name) error                      // commits what is prepared here of one that this target answers for until it has gone
	Had    func(n object.Name, id string) bool            // this target answers for it until it has gone, and the target of that id had a copy
	Drop   func(n object.Name) error                      // removes what is here of one that has moved away
	Return func(ctx context.Context) error                // does so, or fetches it, for all that moved while this target was behind
}

// Follow has the Keeper ask about names that are being moved, before Start.
func (k *Keeper) Follow(m Moves) { k.moves = m }

// stay is the Moves of a target where no name is moved.
func stay() Moves {
	return Moves{
		InUse:  func(object.Name) bool { return true },
		Enter:  func(context.Context, object.Name) error { return nil },
		Settle: func(object.Name) error { return nil },
		Had:    func(object.Name, string) bool { return false },
		Drop:   func(object.Name) error { return nil },
		Return: func(context.Context) error { return nil },
	}
}
