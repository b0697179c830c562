// SPDX-License-Identifier: GPL-3.0-or-later

// Ferretdb serves the MongoDB protocol and keeps the documents in PostgreSQL. Upstream's own main package needs a file
// with its version that the module does not have; the package that it offers for embedding needs none.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const (
	module  = "github.com/FerretDB/FerretDB"
	timeout = 5 * time.Second
)

func main() {
	listen := flag.String("listen", "", "address and port for MongoDB's protocol")
	health := flag.String("health", "", "address and port that answer GET /healthz with 200 while the server accepts connections")
	url := flag.String("postgresql-url", "", "where documents are kept; it holds no password")
	version := flag.Bool("version", false, "print the version and end")
	flag.Parse()
	if *version {
		fmt.Println("ferretdb", pinned())
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      ferretdb.ListenerConfig{TCP: *listen},
		Handler:       "postgresql",
		PostgreSQLURL: *url,
		Logger:        slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		log.Fatal(err)
	}
	go serveHealth(*health, *listen)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func serveHealth(address, target string) {
	http.HandleFunc("GET /healthz", func(response http.ResponseWriter, _ *http.Request) {
		connection, err := net.DialTimeout("tcp", target, timeout)
		if err != nil {
			http.Error(response, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_ = connection.Close()
	})
	server := &http.Server{Addr: address, ReadHeaderTimeout: timeout}
	log.Fatal(server.ListenAndServe())
}

// pinned returns the version of the module that was linked, which is what go.sum has checked.
func pinned() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				return dependency.Version
			}
		}
	}
	return "unknown"
}
