package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	"wildcard-egress/accesslog"
	"wildcard-egress/logs"
)

func newLogsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "logs",
		Short: "Ask the gateway's access log: who was refused, what would let it through, what an edit would change",
		Args:  cobra.ArbitraryArgs,
		RunE:  chooseCommand,
	}
	c.AddCommand(newLogsSummaryCommand(), newLogsLearnCommand(), newLogsReplayCommand(), newLogsTopCommand())
	return c
}

// logFiles are the access logs of a command, and whose lines of them count.
type logFiles struct {
	callers []string
	noPorts bool
}

// aboutLogFiles is the part of the commands' help that they share.
const aboutLogFiles = `FILE is an access log of the gateway, plain or gzip, or - for standard input: the
file itself, or what "kubectl logs" prints, also with --prefix and --timestamps.
Lines that are not the gateway's are counted and said; none is guessed.`

func (l *logFiles) addCaller(c *cobra.Command) {
	c.Flags().StringArrayVar(&l.callers, "caller", nil, "count these callers only, a SPIFFE `ID`, a glob of them as in the policy, or unknown; may be repeated")
}

func (l *logFiles) addNoPorts(c *cobra.Command) {
	c.Flags().BoolVar(&l.noPorts, "no-ports", false, "take no port from the log: of a gateway on trial, with its own --upstream-port")
}

// scan reads the files and calls each with the lines of the chosen callers. What
// could not be read to its end is an error, after the rest was counted.
func (l *logFiles) scan(cmd *cobra.Command, files []string, each func(*accesslog.Entry)) (logs.Tally, error) {
	var tally logs.Tally
	callers, err := logs.ParseCallers(l.callers)
	if err != nil {
		return tally, fmt.Errorf("%s: --caller %w", cmd.Name(), err)
	}
	bar := newProgress(cmd.ErrOrStderr(), "MB read")
	defer bar.clear()
	var faults []error
	total, before := sizeOf(files), int64(0)
	for _, file := range files {
		in, err := openLog(cmd, file)
		if err != nil {
			return tally, err // a name that is wrong, found before the answer
		}
		n := 0
		err = logs.Scan(in.text, in.name, &tally, func(e *accesslog.Entry) {
			if n++; n%1000 == 0 {
				bar.show(int((before+in.read.Load())>>20), int(total>>20))
			}
			if !callers.Has(e.Principal) {
				return
			}
			if l.noPorts {
				e.RequestedServerName, e.UpstreamRemoteAddress = "", ""
			}
			each(e)
		})
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w; only what is before that was counted", in.name, err))
		}
		before += in.read.Load()
		in.close()
	}
	if tally.Connections+tally.Events == 0 && len(faults) == 0 {
		faults = append(faults, fmt.Errorf("%s: no line of the gateway's access log among %d; see docs/access-log.md for what it writes, and where",
			cmd.Name(), tally.Lines))
	}
	return tally, errors.Join(faults...)
}

// openedLog is a log that is being read.
type openedLog struct {
	name  string
	text  io.Reader
	read  atomic.Int64 // bytes of the file, which may be compressed
	file  io.Reader
	close func()
}

func (l *openedLog) Read(b []byte) (int, error) {
	n, err := l.file.Read(b)
	l.read.Add(int64(n))
	return n, err
}

func openLog(cmd *cobra.Command, file string) (*openedLog, error) {
	l := &openedLog{name: "stdin", file: cmd.InOrStdin(), close: func() {}}
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, unreadable(err)
		}
		l.name, l.file, l.close = file, f, func() { f.Close() }
	}
	in := bufio.NewReaderSize(l, 64<<10)
	l.text = in
	if begin, err := in.Peek(2); err == nil && begin[0] == 0x1f && begin[1] == 0x8b {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("%s: begins as gzip does, and is none, or is cut off; name another, or unpack it", l.name)
		}
		l.text = unpacked
	} else if errors.Is(err, io.EOF) {
		return l, nil // empty, which is no fault
	} else if err != nil {
		l.close()
		return nil, unreadable(err)
	}
	return l, nil
}

// sizeOf is how much there is to read; 0: nobody knows.
func sizeOf(files []string) (total int64) {
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}
