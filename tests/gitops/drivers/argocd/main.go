// One sync of a file of manifests, as the application controller of Argo CD does it: with its sync engine, the state of
// the operation kept between the rounds, live objects read anew in each. Prints a line of JSON for all that happens.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/hook"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
)

const tracking = "argocd.argoproj.io/tracking-id"

var (
	kubeconfig = flag.String("kubeconfig", "", "of the cluster")
	namespace  = flag.String("namespace", "", "the destination of the application")
	app        = flag.String("app", "", "the name of the application")
	prune      = flag.Bool("prune", true, "delete what has left the manifests")
	heal       = flag.Bool("heal", false, "as self-heal does: only what is out of sync, which skips all hooks")
	timeout    = flag.Duration("timeout", 5*time.Minute, "after which the operation is given up")
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fatal:", err)
		os.Exit(1)
	}
}

func say(line any) {
	check(json.NewEncoder(os.Stdout).Encode(line))
}

func main() {
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	check(err)
	clusterCache := cache.NewClusterCache(config, cache.SetNamespaces([]string{*namespace}), cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(un *unstructured.Unstructured, _ bool) (any, bool) {
			mark := un.GetAnnotations()[tracking]
			return mark, mark != ""
		}))
	check(clusterCache.EnsureSynced())
	targets := read(flag.Arg(0))
	result, outOfSync := compare(targets, clusterCache)
	say(map[string]any{"outOfSync": names(outOfSync)})
	if *heal && len(outOfSync) == 0 {
		return
	}
	options := []sync.SyncOpt{sync.WithLogr(logr.Discard()), sync.WithOperationSettings(false, *prune, false, *heal)}
	if *heal {
		options = append(options, sync.WithResourcesFilter(
			func(key kube.ResourceKey, _ *unstructured.Unstructured, _ *unstructured.Unstructured) bool {
				return outOfSync[key]
			}))
	}
	phase, message, results, started := common.OperationPhase(""), "", []common.ResourceSyncResult(nil), metav1.Now()
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	seen := map[string]bool{}
	for deadline := time.Now().Add(*timeout); !phase.Completed() && time.Now().Before(deadline); {
		result, _ = compare(targets, clusterCache)
		ctx, cleanup, err := sync.NewSyncContext("revision", result, config, config, kubectl, *namespace,
			append(options, sync.WithInitialState(phase, message, results, started))...)
		check(err)
		ctx.Sync()
		phase, message, results = ctx.GetState()
		cleanup()
		for _, r := range results {
			line := map[string]any{"object": r.ResourceKey.Kind + "/" + r.ResourceKey.Name, "phase": r.HookPhase,
				"status": r.Status, "message": r.Message}
			if text := fmt.Sprint(line); !seen[text] {
				seen[text] = true
				say(line)
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
	say(map[string]any{"operation": phase, "message": message})
}

func read(file string) []*unstructured.Unstructured {
	data, err := os.ReadFile(file)
	check(err)
	targets, err := kube.SplitYAML(data)
	check(err)
	for _, target := range targets {
		annotations := target.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[tracking] = *app
		target.SetAnnotations(annotations)
	}
	return targets
}

// compare gives all objects beside what is live, and those that differ or are to be removed; hooks are none of them.
func compare(targets []*unstructured.Unstructured, clusterCache cache.ClusterCache) (sync.ReconciliationResult, map[kube.ResourceKey]bool) {
	live, err := clusterCache.GetManagedLiveObjs(targets, func(r *cache.Resource) bool { return r.Info == *app })
	check(err)
	result := sync.Reconcile(targets, live, *namespace, clusterCache)
	diffs, err := diff.DiffArray(result.Target, result.Live, diff.WithLogr(logr.Discard()))
	check(err)
	outOfSync := map[kube.ResourceKey]bool{}
	for i, found := range diffs.Diffs {
		object := result.Target[i]
		if object == nil {
			object = result.Live[i]
		}
		if found.Modified && !hook.IsHook(object) {
			outOfSync[kube.GetResourceKey(object)] = true
		}
	}
	return result, outOfSync
}

func names(keys map[kube.ResourceKey]bool) []string {
	found := []string{}
	for key := range keys {
		found = append(found, key.Kind+"/"+key.Name)
	}
	return found
}
