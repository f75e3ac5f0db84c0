/* Tide beside the C library's malloc (libtide-core.a): each has blocks of its own. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tide/heap.h>

int main(void)
{
	char *theirs = strdup("made by the C library");
	struct tide_heap *heap = tide_heap_create(NULL);
	char *ours = heap != NULL ? tide_heap_malloc(heap, 1000) : NULL;

	if (ours == NULL || theirs == NULL || tide_heap_of(ours) != heap)
		return 1;
	free(theirs); /* the C library ends a program that frees what is not its own */
	free(malloc(1000));
	tide_heap_destroy(heap);
	puts("beside");
	return 0;
}
