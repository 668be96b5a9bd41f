package fs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ais/object"
)

// HasMountpath returns Invalid where no mountpath has the directory.
func (s *Store) HasMountpath(dir string) error {
	_, _, err := s.layout.Load().find(dir)
	return err
}

// CheckMountpath writes a file, makes it durable, reads it back and removes it. Where
// that fails the mountpath is taken out of service, and opened again as after any
// failure of its index. Errors: Invalid; Refused where the mountpath is out of
// service or does not pass.
func (s *Store) CheckMountpath(dir string) error {
	m, _, err := s.layout.Load().find(dir)
	if err != nil {
		return err
	}
	x := m.index.Load()
	if x == nil {
		return refuse(object.Refused, "mountpath %s is out of service", m.dir)
	}
	if err := m.probe(); err != nil {
		x.retire(fmt.Errorf("health check: %w", err))
		return refuse(object.Refused, "mountpath %s does not pass the health check: %w", m.dir, err)
	}
	return nil
}

// probe writes, syncs, reads and removes a file.
func (m *mountpath) probe() (err error) {
	o, name := m.config.OS, filepath.Join(m.dir, "health.check")
	want := bytes.Repeat([]byte(m.id), 128)
	f, err := o.OpenFile("health.create", name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.Write(want); err == nil {
		err = f.Sync()
	}
	got := make([]byte, len(want))
	if err == nil {
		_, err = f.ReadAt(got, 0)
	}
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("what was read is not what was written")
	}
	return errors.Join(err, f.Close(), o.Remove("health.remove", name))
}
