package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func dynamicObjects(ctx context.Context, c *cluster) error {
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return err
	}
	maps := client.Resource(configMaps).Namespace(c.namespace)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]any{"name": "one"},
		"data":       map[string]any{"a": "1"},
	}}
	made, err := maps.Create(ctx, object, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	watcher, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: made.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	if err := unstructured.SetNestedField(object.Object, "2", "data", "a"); err != nil {
		return err
	}
	if _, err := maps.Apply(ctx, "one", object, metav1.ApplyOptions{FieldManager: "us", Force: true}); err != nil {
		return err
	}
	select {
	case event := <-watcher.ResultChan():
		seen, isObject := event.Object.(*unstructured.Unstructured)
		if !isObject {
			return fmt.Errorf("%s of %T", event.Type, event.Object)
		}
		value, _, err := unstructured.NestedString(seen.Object, "data", "a")
		return first(err, same("value in the event", value, "2"))
	case <-ctx.Done():
		return fmt.Errorf("no event")
	}
}

func metadataObjects(ctx context.Context, c *cluster) error {
	client, err := metadata.NewForConfig(c.config)
	if err != nil {
		return err
	}
	if err := makeConfigMaps(ctx, c, 2); err != nil {
		return err
	}
	list, err := client.Resource(configMaps).Namespace(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: "number=1"})
	if err != nil {
		return err
	}
	if len(list.Items) != 1 {
		return fmt.Errorf("%d objects instead of 1", len(list.Items))
	}
	return first(
		same("name", list.Items[0].Name, "map-1"),
		same("number of labels", len(list.Items[0].Labels), 2),
	)
}

// elections starts two candidates; when the one that leads gives up, the other one must lead.
func elections(ctx context.Context, c *cluster) error {
	led := make(chan string, 2)
	candidate := func(ctx context.Context, name string) {
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: "leader", Namespace: c.namespace},
			Client:     c.typed.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock:            lock,
			ReleaseOnCancel: true,
			LeaseDuration:   4 * time.Second,
			RenewDeadline:   3 * time.Second,
			RetryPeriod:     200 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { led <- name },
				OnStoppedLeading: func() {},
			},
		})
	}
	giveUp := map[string]context.CancelFunc{}
	for _, name := range []string{"a", "b"} {
		own, cancel := context.WithCancel(ctx)
		defer cancel()
		giveUp[name] = cancel
		go candidate(own, name)
	}
	var leaders []string
	for range giveUp {
		select {
		case name := <-led:
			leaders = append(leaders, name)
			giveUp[name]()
		case <-ctx.Done():
			return fmt.Errorf("led so far: %v", leaders)
		}
	}
	return same("led twice", leaders[0] == leaders[1], false)
}
