/** A value that is known by how JSON writes it. Who passes it on need not read it; to all others it is the value. */
export class JsonText {
  constructor(readonly text: string) {}

  toJSON(): unknown {
    return JSON.parse(this.text);
  }
}
