"""Typed application to Kubernetes objects, one module a kind; one pod builder for every kind of pod.

Pure: the same application gives the same objects in the same order. Knows nothing of clusters, plans or text.
"""
