package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/util/retry"
)

// configMap labels its objects: the namespace holds one of the cluster's own, too.
func configMap(name string, labels map[string]string) *corev1.ConfigMap {
	all := map[string]string{"made": "here"}
	for key, value := range labels {
		all[key] = value
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all},
		Data:       map[string]string{"first": "1"},
		BinaryData: map[string][]byte{"bytes": {0, 255}},
	}
}

func mergePatch(ctx context.Context, c *cluster, name string, patch []byte) error {
	_, err := c.typed.CoreV1().ConfigMaps(c.namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

func typedObjects(ctx context.Context, c *cluster) error {
	maps := c.typed.CoreV1().ConfigMaps(c.namespace)
	made, err := maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Data["second"] = "2"
	if _, err := maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	read, err := maps.Get(ctx, "one", metav1.GetOptions{})
	if err != nil {
		return err
	}
	list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "made=here"})
	if err != nil {
		return err
	}
	if err := first(
		same("data", read.Data["second"], "2"),
		same("bytes", string(read.BinaryData["bytes"]), "\x00\xff"),
		same("uid", read.UID, made.UID),
		same("number of objects", len(list.Items), 1),
		maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "made=here"}),
	); err != nil {
		return err
	}
	_, err = maps.Get(ctx, "one", metav1.GetOptions{})
	return same("not found after the deletion", errors.IsNotFound(err), true)
}

func typedErrors(ctx context.Context, c *cluster) error {
	maps := c.typed.CoreV1().ConfigMaps(c.namespace)
	_, err := maps.Create(ctx, configMap("No Name", nil), metav1.CreateOptions{})
	if !errors.IsInvalid(err) {
		return fmt.Errorf("a bad name: %w", err)
	}
	if cause, _ := errors.StatusCause(err, metav1.CauseTypeFieldValueInvalid); cause.Field != "metadata.name" {
		return fmt.Errorf("the cause of a bad name is in %q", cause.Field)
	}
	if _, err := maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err = maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	return same("already exists", errors.IsAlreadyExists(err), true)
}

func conflicts(ctx context.Context, c *cluster) error {
	maps := c.typed.CoreV1().ConfigMaps(c.namespace)
	stale, err := maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := mergePatch(ctx, c, "one", []byte(`{"data":{"theirs":"yes"}}`)); err != nil {
		return err
	}
	tries := 0
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		tries++
		object := stale
		if tries > 1 {
			fresh, err := maps.Get(ctx, "one", metav1.GetOptions{})
			if err != nil {
				return err
			}
			object = fresh
		}
		object.Data["ours"] = "yes"
		_, err := maps.Update(ctx, object, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	read, err := maps.Get(ctx, "one", metav1.GetOptions{})
	return first(
		err,
		same("number of tries", tries, 2),
		same("their change", read.Data["theirs"], "yes"),
		same("our change", read.Data["ours"], "yes"),
	)
}

func patches(ctx context.Context, c *cluster) error {
	services := c.typed.CoreV1().Services(c.namespace)
	_, err := services.Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{
			{Name: "http", Port: 80}, {Name: "https", Port: 443},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	steps := []struct {
		kind  types.PatchType
		patch string
	}{
		{types.JSONPatchType, `[{"op":"test","path":"/spec/ports/0/port","value":80},{"op":"add","path":"/metadata/labels","value":{"a":"json"}}]`},
		{types.MergePatchType, `{"metadata":{"labels":{"b":"merge"}}}`},
		{types.StrategicMergePatchType, `{"spec":{"ports":[{"port":443,"targetPort":8443},{"$patch":"delete","port":80}]}}`},
	}
	for _, step := range steps {
		if _, err := services.Patch(ctx, "web", step.kind, []byte(step.patch), metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("%s: %w", step.kind, err)
		}
	}
	read, err := services.Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	return first(
		same("label of the JSON patch", read.Labels["a"], "json"),
		same("label of the merge patch", read.Labels["b"], "merge"),
		same("number of ports", len(read.Spec.Ports), 1),
		same("name of the port", read.Spec.Ports[0].Name, "https"),
		same("target of the port", read.Spec.Ports[0].TargetPort.IntVal, 8443),
	)
}

func apply(ctx context.Context, c *cluster) error {
	maps := c.typed.CoreV1().ConfigMaps(c.namespace)
	with := func(data map[string]string) *applycorev1.ConfigMapApplyConfiguration {
		return applycorev1.ConfigMap("one", c.namespace).WithData(data)
	}
	if _, err := maps.Apply(ctx, with(map[string]string{"a": "1", "b": "1"}), metav1.ApplyOptions{FieldManager: "us"}); err != nil {
		return err
	}
	theirs := metav1.ApplyOptions{FieldManager: "them"}
	_, err := maps.Apply(ctx, with(map[string]string{"a": "2"}), theirs)
	if !errors.IsConflict(err) {
		return fmt.Errorf("no conflict: %w", err)
	}
	cause, _ := errors.StatusCause(err, metav1.CauseTypeFieldManagerConflict)
	theirs.Force = true
	if _, err := maps.Apply(ctx, with(map[string]string{"a": "2"}), theirs); err != nil {
		return err
	}
	// What an applier drops goes, unless another one has it.
	read, err := maps.Apply(ctx, with(map[string]string{}), metav1.ApplyOptions{FieldManager: "us"})
	if err != nil {
		return err
	}
	extracted, err := applycorev1.ExtractConfigMap(read, "them")
	if err != nil {
		return err
	}
	_, dropped := read.Data["b"]
	return first(
		same("field of the conflict", cause.Field, ".data.a"),
		same("the forced value", read.Data["a"], "2"),
		same("a dropped value is there", dropped, false),
		same("what they own", extracted.Data["a"], "2"),
	)
}
