package main

var checks = []check{
	{"discovery: version, groups and resources, aggregated", discover},
	{"typed, protobuf: create, get, update, list, delete", typedObjects},
	{"typed, protobuf: errors have their reasons", typedErrors},
	{"typed, protobuf: pages of a list", pages},
	{"retry on conflict: both writers' changes stay", conflicts},
	{"patch: JSON, merge and strategic merge", patches},
	{"server-side apply: ownership, conflict, force", apply},
	{"watch: from a version on, with a selector", watchFrom},
	{"watch-list: initial events and the bookmark that ends them", watchList},
	{"shared informers: lists, changes and deletions reach the cache", sharedInformers},
	{"dynamic client: objects without types, and their watch", dynamicObjects},
	{"metadata client: objects as their metadata", metadataObjects},
	{"leader election: one leads, the next one follows", elections},
}
