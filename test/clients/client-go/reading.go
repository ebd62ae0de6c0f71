package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
)

func discover(_ context.Context, c *cluster) error {
	version, err := c.typed.Discovery().ServerVersion()
	if err != nil {
		return err
	}
	groups, resources, err := c.typed.Discovery().ServerGroupsAndResources()
	if err != nil {
		return err
	}
	if len(groups) < 15 {
		return fmt.Errorf("only %d groups", len(groups))
	}
	for _, list := range resources {
		for _, resource := range list.APIResources {
			if list.GroupVersion == "apps/v1" && resource.Name == "deployments/scale" {
				return same("kind of deployments/scale", resource.Kind, "Scale")
			}
		}
	}
	return fmt.Errorf("version %s serves no deployments/scale", version)
}

func makeConfigMaps(ctx context.Context, c *cluster, count int) error {
	for i := range count {
		object := configMap(fmt.Sprintf("map-%d", i), map[string]string{"number": fmt.Sprint(i)})
		if _, err := c.typed.CoreV1().ConfigMaps(c.namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func pages(ctx context.Context, c *cluster) error {
	if err := makeConfigMaps(ctx, c, 7); err != nil {
		return err
	}
	calls := 0
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		calls++
		options.LabelSelector = "made=here"
		return c.typed.CoreV1().ConfigMaps(c.namespace).List(ctx, options)
	})
	pages.PageSize = 3
	seen := map[string]bool{}
	err := pages.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		seen[object.(*corev1.ConfigMap).Name] = true
		return nil
	})
	return first(err, same("number of objects", len(seen), 7), same("number of pages", calls, 3))
}

func watchFrom(ctx context.Context, c *cluster) error {
	maps := c.typed.CoreV1().ConfigMaps(c.namespace)
	list, err := maps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if err := makeConfigMaps(ctx, c, 2); err != nil {
		return err
	}
	watcher, err := maps.Watch(ctx, metav1.ListOptions{
		ResourceVersion: list.ResourceVersion, LabelSelector: "number=1",
	})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	if err := expectEvent(ctx, watcher, watch.Added, "map-1"); err != nil {
		return err
	}
	// What leaves the selection is deleted for this watcher.
	patch := []byte(`{"metadata":{"labels":{"number":"7"}}}`)
	if err := mergePatch(ctx, c, "map-1", patch); err != nil {
		return err
	}
	return expectEvent(ctx, watcher, watch.Deleted, "map-1")
}

func expectEvent(ctx context.Context, watcher watch.Interface, kind watch.EventType, name string) error {
	select {
	case event, open := <-watcher.ResultChan():
		if !open {
			return fmt.Errorf("the watch ended before %s %s", kind, name)
		}
		object, isMap := event.Object.(*corev1.ConfigMap)
		if !isMap {
			return fmt.Errorf("%s of %T instead of a ConfigMap", event.Type, event.Object)
		}
		return first(same("type", event.Type, kind), same("name", object.Name, name))
	case <-ctx.Done():
		return fmt.Errorf("no event where %s %s should come", kind, name)
	}
}

func watchList(ctx context.Context, c *cluster) error {
	if err := makeConfigMaps(ctx, c, 3); err != nil {
		return err
	}
	yes := true
	watcher, err := c.typed.CoreV1().ConfigMaps(c.namespace).Watch(ctx, metav1.ListOptions{
		SendInitialEvents:    &yes,
		AllowWatchBookmarks:  true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		LabelSelector:        "made=here",
	})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	added := 0
	for {
		select {
		case event, open := <-watcher.ResultChan():
			if !open {
				return fmt.Errorf("the watch ended after %d objects", added)
			}
			object, isMap := event.Object.(*corev1.ConfigMap)
			switch {
			case !isMap:
				return fmt.Errorf("%s of %T", event.Type, event.Object)
			case event.Type == watch.Added:
				added++
			case event.Type == watch.Bookmark && object.Annotations[metav1.InitialEventsAnnotationKey] == "true":
				return same("number of objects before the bookmark", added, 3)
			}
		case <-ctx.Done():
			return fmt.Errorf("no bookmark after %d objects", added)
		}
	}
}

func sharedInformers(ctx context.Context, c *cluster) error {
	if err := makeConfigMaps(ctx, c, 2); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	factory := informers.NewSharedInformerFactoryWithOptions(c.typed, 0, informers.WithNamespace(c.namespace))
	maps := factory.Core().V1().ConfigMaps()
	deleted := make(chan string, 10)
	_, err := maps.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		DeleteFunc: func(object any) {
			if gone, isMap := object.(*corev1.ConfigMap); isMap {
				deleted <- gone.Name
			}
		},
	})
	if err != nil {
		return err
	}
	factory.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), maps.Informer().HasSynced) {
		return fmt.Errorf("the cache is never filled")
	}
	made, err := labels.Parse("made=here")
	if err != nil {
		return err
	}
	count := func(context.Context) (int, error) {
		list, err := maps.Lister().ConfigMaps(c.namespace).List(made)
		return len(list), err
	}
	if listed, err := count(ctx); err != nil || listed != 2 {
		return fmt.Errorf("%d objects listed instead of 2: %w", listed, err)
	}
	if err := mergePatch(ctx, c, "map-0", []byte(`{"data":{"new":"yes"}}`)); err != nil {
		return err
	}
	err = wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(context.Context) (bool, error) {
		object, err := maps.Lister().ConfigMaps(c.namespace).Get("map-0")
		return err == nil && object.Data["new"] == "yes", err
	})
	if err != nil {
		return fmt.Errorf("a change does not reach the cache: %w", err)
	}
	if err := c.typed.CoreV1().ConfigMaps(c.namespace).Delete(ctx, "map-1", metav1.DeleteOptions{}); err != nil {
		return err
	}
	select {
	case name := <-deleted:
		_, err := maps.Lister().ConfigMaps(c.namespace).Get(name)
		return first(same("deleted", name, "map-1"), same("gone from the cache", errors.IsNotFound(err), true))
	case <-ctx.Done():
		return fmt.Errorf("a deletion does not reach the cache")
	}
}
