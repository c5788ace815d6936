import fc from "fast-check";

// Where CI runs, hostile input is the same in every run: what is red there is red again, and no stranger's push is. By
// hand each run tries something new.
if (process.env["CI"] !== undefined) fc.configureGlobal({ seed: 20261123 });
