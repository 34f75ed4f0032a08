// What an element that is held says: its services, and behind that each attribute that was taken from it.
export const mark = "data-temoin";
export const kept = mark + "-";
