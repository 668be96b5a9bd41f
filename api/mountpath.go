package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// PathMountpaths is where a target's mountpaths are changed; the header Ais-Node-Id
// names the target, the value of the ActionMessage is the mountpath's directory.
const PathMountpaths = PathReverse + "/mountpaths"

// Actions on mountpaths.
const (
	ActionAttachMountpath  = "attach-mp"
	ActionDetachMountpath  = "detach-mp"
	ActionEnableMountpath  = "enable-mp"
	ActionDisableMountpath = "disable-mp"
	ActionRescanMountpath  = "rescan-mp" // looks for names where they do not belong
	ActionCheckMountpath   = "fshc-mp"   // writes and reads a file
)

// QueryForce is the query parameter of ActionDetachMountpath and
// ActionDisableMountpath: true goes on where objects cannot be moved away.
const QueryForce = "force"

// WhatMountpaths is the value of the query parameter what that asks for a
// MountpathList.
const WhatMountpaths = "mountpaths"

// MountpathList is the directories of a target's mountpaths.
type MountpathList struct {
	Available []string `json:"available"`
	Leaving   []string `json:"waiting_dd"` // objects are being moved away from
	Disabled  []string `json:"disabled"`   // by an administrator, or by a failure
}

// NewMountpathList sorts mountpaths by what they do.
func NewMountpathList(c MountpathsCapacity) MountpathList {
	l := MountpathList{Available: []string{}, Leaving: []string{}, Disabled: []string{}}
	for dir, m := range c.Mountpaths {
		switch m.State {
		case "ok", "full":
			l.Available = append(l.Available, dir)
		case "detaching", "disabling":
			l.Leaving = append(l.Leaving, dir)
		default:
			l.Disabled = append(l.Disabled, dir)
		}
	}
	for _, list := range [][]string{l.Available, l.Leaving, l.Disabled} {
		slices.Sort(list)
	}
	return l
}

// ChangeMountpath does something with a target's mountpath, one of the actions on
// mountpaths, and returns the id of the job that moves objects, "" where none has to.
// Kinds: Invalid, NotFound, Exists, NoSpace, Unavailable, Denied.
func (c *Client) ChangeMountpath(ctx context.Context, target, action, dir string, force bool) (job string, err error) {
	method := http.MethodPost
	switch action {
	case ActionAttachMountpath:
		method = http.MethodPut
	case ActionDetachMountpath:
		method = http.MethodDelete
	}
	r := call{method: method, path: PathMountpaths, header: http.Header{HeaderNodeID: {target}}}
	if force {
		r.query = url.Values{QueryForce: {"true"}}
	}
	if r, err = r.withAction(action, "", dir); err != nil {
		return "", err
	}
	_, raw, err := c.content(ctx, r)
	return strings.TrimSpace(string(raw)), err
}

// Mountpaths returns the directories of a target's mountpaths.
func (c *Client) Mountpaths(ctx context.Context, target string) (MountpathList, error) {
	var l MountpathList
	err := c.decode(ctx, call{
		method: http.MethodGet, path: PathReverse,
		query:  url.Values{QueryWhat: {WhatMountpaths}},
		header: http.Header{HeaderNodeID: {target}},
	}, &l)
	return l, err
}
