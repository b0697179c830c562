// SPDX-License-Identifier: GPL-3.0-or-later

// Vault is the server of HashiCorp Vault with the engines that tests use: key/value, transit, and the authentication
// methods token, approle, kubernetes and userpass. The whole of upstream's program has a hundred more, and takes a
// quarter of an hour to compile. It keeps everything in memory and is unsealed from the start, as upstream's `-dev` is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/version"
)

const headerTimeout = 10 * time.Second

var (
	logicalBackends    = map[string]logical.Factory{"kv": kv.Factory, "transit": transit.Factory}
	credentialBackends = map[string]logical.Factory{
		"approle": approle.Factory, "kubernetes": kubernetes.Factory, "userpass": userpass.Factory,
	}
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8200", "address and port of the API, without TLS")
	tokenFile := flag.String("root-token-file", "", "file with the root token")
	printVersion := flag.Bool("version", false, "print the version and end")
	flag.Parse()
	if *printVersion {
		fmt.Println(version.GetVersion().FullVersionNumber(true))
		return
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		log.Fatal(err)
	}
	core, err := start(strings.TrimSpace(string(token)))
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{Address: *listen},
		}),
		ReadHeaderTimeout: headerTimeout,
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	if err := core.Shutdown(); err != nil {
		log.Fatal(err)
	}
}

// start returns a core that is initialised and unsealed, with the given root token and a key/value engine version 2.
func start(token string) (*vault.Core, error) {
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        "inmem",
		LogicalBackends:    logicalBackends,
		CredentialBackends: credentialBackends,
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
		BuiltinRegistry:    registry{},
		Logger:             logger,
		DisableMlock:       true,
	})
	if err != nil {
		return nil, err
	}
	ctx := namespace.ContextWithNamespace(context.Background(), namespace.RootNamespace)
	made, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1, StoredShares: 1, Name: "shamir"},
	})
	if err != nil {
		return nil, err
	}
	// The core wipes the key that it is given.
	unsealed, err := core.Unseal(slices.Clone(made.SecretShares[0]))
	if err != nil {
		return nil, err
	}
	if !unsealed {
		return nil, errors.New("the new vault is still sealed after its only key")
	}
	do := func(token, path string, data map[string]any) error {
		response, err := core.HandleRequest(ctx, &logical.Request{
			Operation: logical.UpdateOperation, ClientToken: token, Path: path, Data: data,
		})
		if err == nil && response.IsError() {
			err = response.Error()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	root := map[string]any{"id": token, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true}
	if err := do(made.RootToken, "auth/token/create", root); err != nil {
		return nil, err
	}
	if err := do(made.RootToken, "auth/token/revoke-self", nil); err != nil {
		return nil, err
	}
	return core, do(token, "sys/mounts/secret", map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
}

// registry tells Vault which engines are part of the program.
type registry struct{}

func (registry) factories(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeCredential:
		return credentialBackends
	case consts.PluginTypeSecrets:
		return logicalBackends
	default:
		return nil
	}
}

func (r registry) Contains(name string, kind consts.PluginType) bool {
	_, found := r.factories(kind)[name]
	return found
}

func (r registry) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, found := r.factories(kind)[name]
	return func() (any, error) { return factory, nil }, found
}

func (r registry) Keys(kind consts.PluginType) []string {
	names := []string{}
	for name := range r.factories(kind) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, kind)
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
