package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:     "man --to DIR",
		Short:   "Write the manual pages",
		Long:    "Write a manual page for each command into a folder, which is made if there is none.",
		Example: "  wildcard-egress man --to /usr/local/share/man/man1",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return fmt.Errorf("man: --to: name the folder for the pages")
			}
			if err := os.MkdirAll(to, 0o755); err != nil {
				return unwritable("--to", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // the same pages from the same commit
			if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "wildcard-egress", Manual: "wildcard-egress"}, to); err != nil {
				return unwritable("--to", err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&to, "to", "", "write the pages to `DIR` (required)")
	return c
}
