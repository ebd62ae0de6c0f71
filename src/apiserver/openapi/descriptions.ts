/**
 * What published documents say of the metadata that every object has: `kubectl explain` shows it.
 * Facts: the API reference v1.36, "ObjectMeta".
 */

/** By the type's name in Go. */
export const TYPE_DESCRIPTIONS: Readonly<Record<string, string>> = {
  ObjectMeta: 'ObjectMeta is what every object that is stored says of itself.',
};

/** By the type's name in Go and the field's in JSON. */
export const FIELD_DESCRIPTIONS: Readonly<Record<string, string>> = {
  'ObjectMeta.annotations':
    'Annotations are strings by name that tools keep with the object. Objects cannot be selected by them.',
  'ObjectMeta.creationTimestamp':
    'CreationTimestamp is a timestamp of when the server created the object, in RFC 3339 form and UTC. Clients cannot set it.',
  'ObjectMeta.deletionGracePeriodSeconds':
    'DeletionGracePeriodSeconds is how long the object may take to end by itself before it is removed. Set with deletionTimestamp; it can only become shorter.',
  'ObjectMeta.deletionTimestamp':
    'DeletionTimestamp is when the object is to be gone, in RFC 3339 form and UTC. A graceful deletion sets it; it stays until the finalizers are empty.',
  'ObjectMeta.finalizers':
    'Finalizers name who still has to do something before the object is removed. An object that is being deleted takes no new ones.',
  'ObjectMeta.generateName':
    'GenerateName is the beginning of a name that the server makes unique, when no name is given.',
  'ObjectMeta.generation':
    'Generation is a number that grows whenever what is wanted of the object changes.',
  'ObjectMeta.labels':
    'Labels are strings by name that objects can be selected by, as services and controllers do.',
  'ObjectMeta.managedFields':
    'ManagedFields says which manager has set which fields. The server keeps it; clients rarely need it.',
  'ObjectMeta.name':
    'Name of the object, unique among the objects of its kind in its namespace. It cannot be changed.',
  'ObjectMeta.namespace':
    'Namespace is where the name is unique. Empty for objects of the whole cluster. It cannot be changed.',
  'ObjectMeta.ownerReferences':
    'OwnerReferences name the objects that this one depends on: it is collected when all of them are gone. At most one of them is the managing controller.',
  'ObjectMeta.resourceVersion':
    'ResourceVersion is the version of the object as the server stored it, for watches and for updates of what has not changed since. Clients must not read a meaning into it.',
  'ObjectMeta.selfLink': 'SelfLink is no longer set.',
  'ObjectMeta.uid':
    'UID tells this object from all others that had or will have its name. The server sets it.',
};
