"""Takes values of the Helm chart over: what the chart did with them that this program does otherwise.

What is written counts: a key that the chart ignored or overruled keeps its value, and a finding says that it takes
effect now. Only what would be refused or misread here is changed.
"""
