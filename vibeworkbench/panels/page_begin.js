/**
 * What the head of every published page runs before anything is painted: a classic script within the page itself.
 *
 * The server lets run the newest one only. A page that was made with an earlier one does without: its program takes care of
 * the address, a little later, and its panels dial for themselves.
 */

import "./page_address.js";
import { dialRooms } from "./page_rooms.js";
import { jsonOf } from "./page_state.js";
import { serverOf } from "./server_address.js";

dialRooms(jsonOf("vw-page", { rooms: [] }).rooms ?? [], serverOf());
