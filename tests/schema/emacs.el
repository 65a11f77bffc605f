;; Opens each file as a person would, and prints what nxml-mode makes of it, as JSON, a file a line:
;; the schema, the lines with errors, and what could stand where -!- is.

(require 'json)
(require 'nxml-mode)
(require 'rng-nxml)

(defun offered-at-mark ()
  (goto-char (point-min))
  (when (search-forward "-!-" nil t)
    (replace-match "")
    (let ((offer (rng-completion-at-point)))
      (all-completions (buffer-substring (nth 0 offer) (point)) (nth 2 offer)))))

(defun lines-with-errors ()
  (while (rng-do-some-validation))
  (let (lines)
    (dolist (overlay (overlays-in (point-min) (point-max)))
      (when (eq (overlay-get overlay 'category) 'rng-error)
        (push (line-number-at-pos (overlay-start overlay)) lines)))
    (delete-dups (sort lines #'<))))

(add-to-list 'rng-schema-locating-files (pop command-line-args-left))
(dolist (file command-line-args-left)
  (with-current-buffer (find-file-noselect file)
    (princ (json-encode `((offered . ,(vconcat (offered-at-mark)))
                          (errors . ,(vconcat (lines-with-errors)))
                          (schema . ,rng-current-schema-file-name))))
    (terpri)))
(setq command-line-args-left nil)
