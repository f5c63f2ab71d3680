/* First bytes of the section that attach-guard.ts adds to the kernel, and its new entry point. */
	.intel_syntax noprefix
	.section .start, "ax"
	.globl _start
_start:
	jmp	1f
	.balign	8
	.ascii	"COCOONv1"
to_kernel:
	.quad	0			/* the kernel's own entry point, from _start: written by attach-guard.ts */
1:	push	rcx			/* EFI_HANDLE */
	push	rdx			/* EFI_SYSTEM_TABLE * */
	sub	rsp, 40
	mov	rcx, rdx
	call	replace_acpi_tables
	add	rsp, 40
	pop	rdx
	pop	rcx
	lea	rax, _start[rip]
	add	rax, to_kernel[rip]
	jmp	rax

	.section .rodata
	.globl	dsdt, dsdt_end
	.hidden	dsdt, dsdt_end
	.balign	8
dsdt:	.incbin	"dsdt.aml"
dsdt_end:
	.section .note.GNU-stack, "", @progbits
