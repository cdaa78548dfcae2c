/** A value that is known by how JSON writes it: whoever passes it on as JSON need not read it. */
export class JsonText {
  constructor(readonly text: string) {}

  toJSON(): unknown {
    return JSON.parse(this.text);
  }
}
