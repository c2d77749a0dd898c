package envoy

import (
	"bytes"
	"context"
	"log/slog"
)

// LogHandler writes to Envoy's log, id dynamic_modules: one line a record, as
// slog.TextHandler formats it, so that values are quoted where they need it.
func LogHandler(name string) slog.Handler { return &logHandler{prefix: name + ": "} }

type logHandler struct {
	prefix string
	with   []func(slog.Handler) slog.Handler
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return logEnabled(envoyLevel(level))
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	var line bytes.Buffer
	line.WriteString(h.prefix + r.Message + " ")
	var text slog.Handler = slog.NewTextHandler(&line, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: dropBuiltin})
	for _, with := range h.with {
		text = with(text)
	}
	if err := text.Handle(ctx, r); err != nil {
		return err
	}
	Log(envoyLevel(r.Level), string(bytes.TrimRight(line.Bytes(), " \n")))
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.and(func(text slog.Handler) slog.Handler { return text.WithAttrs(attrs) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.and(func(text slog.Handler) slog.Handler { return text.WithGroup(name) })
}

func (h *logHandler) and(with func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{prefix: h.prefix, with: append(h.with[:len(h.with):len(h.with)], with)}
}

// dropBuiltin leaves out what Envoy's own prefix says already.
func dropBuiltin(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

func envoyLevel(level slog.Level) Level {
	switch {
	case level >= slog.LevelError:
		return Error
	case level >= slog.LevelWarn:
		return Warn
	case level >= slog.LevelInfo:
		return Info
	}
	return Debug
}
