package main

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// Refuses some requests itself, and is a reverse proxy for the rest.
func handle(behind http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch strings.Split(r.URL.Path, "/")[1] {
		case "refused":
			http.Error(w, "no", http.StatusForbidden)
		case "refused-in-mid-body":
			io.CopyN(io.Discard, r.Body, 1<<20)
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		default:
			behind.ServeHTTP(w, r)
		}
	}
}

func main() {
	backend, _ := url.Parse("http://127.0.0.1:{BACKEND}")
	proxy := httputil.NewSingleHostReverseProxy(backend)
	proxy.Transport = &http.Transport{ResponseHeaderTimeout: 2 * time.Second}
	handler := handle(proxy)
	for port, version := range map[string]uint16{"{TLS12}": tls.VersionTLS12, "{TLS13}": tls.VersionTLS13} {
		config := &tls.Config{MinVersion: version, MaxVersion: version}
		server := &http.Server{Addr: "127.0.0.1:" + port, Handler: handler, TLSConfig: config}
		go func() { log.Fatal(server.ListenAndServeTLS("{CERTIFICATE}", "{KEY}")) }()
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:{HTTP}", handler))
}
