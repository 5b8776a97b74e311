// Lists of which most are empty or short: edges of a service, parts of operations. The empty one is shared, so a list is
// always taken from `append` anew. They are walked by index where it happens to every service: an iterator and its
// results are objects, and in a start of thousands these were a third of all that was allocated.

/**
 * Appends to a list that may be the shared empty one. Short ones, which most are, grow exactly: a push makes room for many,
 * and the literals are some ten times faster than a `concat`.
 */
export function append<Item>(list: Item[], item: Item): Item[] {
  switch (list.length) {
    case 0:
      return [item]
    case 1:
      return [list[0] as Item, item]
    case 2:
      return [list[0] as Item, list[1] as Item, item]
    case 3:
      return [list[0] as Item, list[1] as Item, list[2] as Item, item]
  }
  if (list.length < 8) return list.concat(item)
  list.push(item)
  return list
}

/** Takes an item out of a list, whose order does not matter. */
export function without<Item>(list: Item[], item: Item): void {
  const at = list.lastIndexOf(item) // what came last mostly goes first
  if (at < 0) return
  const last = list.pop() as Item
  if (at < list.length) list[at] = last
}
