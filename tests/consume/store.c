/* The store, with whichever of the two libraries is linked. */
#include <stdio.h>
#include <string.h>
#include <tide/store.h>

int main(void)
{
	struct tide_store *store = tide_store_create(NULL);
	int is_right = 0;

	if (store == NULL)
		return 1;
	uint64_t id = tide_store_put(store, "body", 5, NULL);
	tide_store_read_begin(store);
	const struct tide_store_entry *entry = tide_store_get(store, id);
	if (entry != NULL)
		is_right = strcmp(tide_store_body(entry), "body") == 0;
	tide_store_read_end(store);
	tide_store_destroy(store);
	if (!is_right)
		return 1;
	puts("store");
	return 0;
}
