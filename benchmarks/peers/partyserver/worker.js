// The peer as its README shows it: every message goes to everybody else in the room.
import { Server, routePartykitRequest } from "partyserver";

export class Bench extends Server {
  onMessage(connection, message) {
    this.broadcast(message, [connection.id]);
  }
}

export default {
  async fetch(request, env) {
    return (await routePartykitRequest(request, env)) ?? new Response("not found", { status: 404 });
  },
};
