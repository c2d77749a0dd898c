package cluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
)

// Image is a container image of single files.
type Image struct {
	Name       string // with a tag
	Entrypoint []string
	User       string            // UID:GID
	Files      map[string]string // path in the image: file here
	Links      map[string]string // path in the image: what it leads to
	Content    map[string][]byte // path in the image: content
}

// Needs adds a program of this machine, and the libraries that it is linked to.
func (i *Image) Needs(at, program string) error {
	i.Files[at] = program
	out, err := exec.Command("ldd", program).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("not a dynamic executable")) {
		return fmt.Errorf("ldd %s: %w: %s", program, err, out)
	}
	for _, found := range regexp.MustCompile(`(?m)^\t(?:\S+ => )?(/\S+) \(`).FindAllSubmatch(out, -1) {
		i.Files[string(found[1])] = string(found[1])
	}
	return nil
}

// Archive returns the image in the form of `docker save`.
func (i *Image) Archive() ([]byte, error) {
	layer, err := i.layer()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", i.Name, err)
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": i.Entrypoint, "User": i.User},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hexSum(layer)}},
	})
	if err != nil {
		return nil, err
	}
	configName := hexSum(config) + ".json"
	manifest, err := json.Marshal([]any{map[string]any{"Config": configName, "RepoTags": []string{i.Name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range []struct {
		name    string
		content []byte
	}{{configName, config}, {"layer.tar", layer}, {"manifest.json", manifest}} {
		if err := write(w, tar.Header{Name: f.name, Mode: 0o644}, f.content); err != nil {
			return nil, err
		}
	}
	return archive.Bytes(), w.Close()
}

func (i *Image) layer() ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	made := map[string]bool{}
	add := func(at string, h tar.Header, content []byte) error {
		for dir := path.Dir(at); dir != "/" && !made[dir]; dir = path.Dir(dir) {
			made[dir] = true
			if err := w.WriteHeader(&tar.Header{Name: dir[1:] + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
				return err
			}
		}
		h.Name = at[1:]
		return write(w, h, content)
	}
	for _, at := range sorted(i.Files) {
		file, err := filepath.EvalSymlinks(i.Files[at])
		if err != nil {
			return nil, err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := add(at, tar.Header{Mode: 0o755}, content); err != nil {
			return nil, err
		}
	}
	for _, at := range sorted(i.Content) {
		if err := add(at, tar.Header{Mode: 0o644}, i.Content[at]); err != nil {
			return nil, err
		}
	}
	for _, at := range sorted(i.Links) {
		if err := add(at, tar.Header{Typeflag: tar.TypeSymlink, Linkname: i.Links[at], Mode: 0o777}, nil); err != nil {
			return nil, err
		}
	}
	return layer.Bytes(), w.Close()
}

func write(w *tar.Writer, h tar.Header, content []byte) error {
	h.Size = int64(len(content))
	if err := w.WriteHeader(&h); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
