// Command client-go does with a cluster what programs do that are written with k8s.io/client-go,
// and says of each thing whether it works. Its exit status is 1 when something does not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const timeout = time.Minute

// cluster is what each check gets.
type cluster struct {
	// JSON, as the configuration says nothing else.
	config *rest.Config
	// typed sends and takes protobuf.
	typed     kubernetes.Interface
	namespace string
}

type check struct {
	name string
	run  func(context.Context, *cluster) error
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the cluster")
	flag.Parse()
	failures, err := run(*kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if failures > 0 {
		os.Exit(1)
	}
}

// run makes every check in a namespace of its own and answers how many failed.
func run(kubeconfig string) (int, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return 0, err
	}
	// Programs that are slow on purpose test nothing.
	config.QPS, config.Burst = 1000, 1000
	binary := rest.CopyConfig(config)
	binary.ContentType = "application/vnd.kubernetes.protobuf"
	binary.AcceptContentTypes = binary.ContentType
	typed, err := kubernetes.NewForConfig(binary)
	if err != nil {
		return 0, err
	}
	failures := 0
	for _, check := range checks {
		began := time.Now()
		err := inNamespace(config, typed, check.run)
		took := time.Since(began).Round(time.Millisecond)
		if err == nil {
			fmt.Printf("ok    %s (%s)\n", check.name, took)
			continue
		}
		failures++
		fmt.Printf("FAIL  %s (%s): %v\n", check.name, took, err)
	}
	return failures, nil
}

func inNamespace(config *rest.Config, typed kubernetes.Interface, run func(context.Context, *cluster) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	namespaces := typed.CoreV1().Namespaces()
	made, err := namespaces.Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "client-go-"},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	defer func() { _ = namespaces.Delete(context.Background(), made.Name, metav1.DeleteOptions{}) }()
	return run(ctx, &cluster{config: config, typed: typed, namespace: made.Name})
}

// same is an error when two values differ.
func same[T comparable](what string, got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s is %v instead of %v", what, got, want)
}

// first answers the first error of several.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
